"""Deliberate faults, put into one room at a time: the parity suite must notice every one, in its short form too.

Each is the kind of mistake that people make when they move a model between frameworks. A suite that
lets one of them pass proves less than it says.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np

from compare.proofs.parity import SHORT, Differences, measure, measure_training, violations
from compare.workers import Ask, implementation
from shared.data.batches import CHANNELS, FEATURES, NUMBERS, PLACES, VECTOR_MASKS, WORDS
from shared.errors import LockstepError
from shared.weights import TORCH_GATE_ORDER, folded, to_torch_layout


@dataclass(frozen=True)
class Fault:
    """A mistake.

    Attributes
    ----------
    title : str
        What is done wrong.
    framework : str
        In whose room.
    target : str
        ``module:attribute`` that is replaced; dots after the colon go into classes.
    replace : (what is there) -> what is put there
        Makes the faulty one from the right one.
    also : tuple of (target, replace)
        What has to be replaced with it.
    """

    title: str
    framework: str
    target: str
    replace: Callable[[Any], Any]
    also: tuple[tuple[str, Callable[[Any], Any]], ...] = ()

    @contextmanager
    def injected(self) -> Iterator[None]:
        """Put the fault in, and take it out again."""
        with ExitStack() as stack:
            for target, replace in ((self.target, self.replace), *self.also):
                module, _, attribute = target.partition(":")
                owner = importlib.import_module(module)
                *path, name = attribute.split(".")
                for part in path:
                    owner = getattr(owner, part)
                stack.enter_context(patch.object(owner, name, replace(getattr(owner, name))))
            yield


def with_fault(framework: str, number: int, job: Callable[..., Any], *arguments: object) -> Any:
    """Do a job in a framework's process with one fault put in."""
    implementation(framework)  # imported first: the room silences what TensorFlow prints
    with FAULTS[number].injected():
        return job(framework, *arguments)


def measurements(ask: Ask, framework: str) -> Iterator[Differences]:
    """Measure what `parity --short` measures, one after the other."""
    yield from (measure(ask, framework, case) for case in SHORT.cases)
    yield from (measure_training(ask, framework, training) for training in SHORT.trainings)


def noticed(ask: Ask, number: int) -> list[str]:
    """Return what is said to a fault: what is out of tolerance first, or why it was refused; nothing if it passes."""

    def ask_with_fault(job: Callable[..., Any], framework: str, *arguments: object) -> Any:
        return ask(with_fault, framework, number, job, *arguments)

    try:
        found = (violations(one) for one in measurements(ask_with_fault, FAULTS[number].framework))
        return next((said for said in found if said), [])
    except LockstepError as error:
        return [f"refused: {error}"]


def _other_order(cell: str, order: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda _: {**TORCH_GATE_ORDER, cell: order}


def _biases_in_other_order(_: Any) -> Any:
    """Permute the kernels of a GRU but not its biases."""

    def layout(weights: Any, prefix: str, cell: str) -> Any:
        arranged = to_torch_layout(weights, prefix, cell)
        if cell == "gru":
            arranged["bias_ih"], arranged["bias_hh"] = weights[f"{prefix}.bias"]
        return arranged

    return layout


def _both_biases(_: Any) -> Any:
    def layout(weights: Any, prefix: str, cell: str) -> Any:
        arranged = to_torch_layout(weights, prefix, cell)
        return arranged if cell == "gru" else {**arranged, "bias_hh": arranged["bias_ih"]}

    return layout


def _second_bias_trained(load: Any) -> Any:
    def load_and_free(model: Any, weights: Any) -> None:
        load(model, weights)
        for parameter in model.parameters():
            parameter.requires_grad_(True)

    return load_and_free


def _both_as_one(join: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Join the arrays of a model that should have one bias and has two: else their names alone would be noticed."""

    def change(export: Any) -> Any:
        def exported(parts: Any) -> Any:
            return export(parts) if parts.specification.second_bias else join(export(parts))

        return exported

    return change


def _without_second_biases(gradients: Any) -> Any:
    return {name: array for name, array in gradients.items() if not name.endswith("second_bias")}


def _pool_everywhere(pool: Any) -> Any:
    return lambda outputs, real, how: pool(outputs, real | True, how)


def _pooled_otherwise(name: str, wrong: Callable[..., Any]) -> Callable[[Any], Any]:
    """Pool in one of the ways by a function of an output ``[time, batch, hidden]`` and of what is real of it."""
    torch = importlib.import_module("torch")

    def change(pool: Any) -> Any:
        def pooled(outputs: Any, real: Any, how: Any) -> Any:
            right = pool(outputs, real, how).chunk(len(how), dim=1)
            other = torch.cat([wrong(y, real.unsqueeze(2)) for y in outputs], dim=1)
            return torch.cat([other if each == name else part for each, part in zip(how, right, strict=True)], dim=1)

        return pooled

    return change


def _last_column(pool: Any) -> Any:
    return _pooled_otherwise("last", lambda y, real: y[-1])(pool)


def _mean_over_padding(pool: Any) -> Any:
    return _pooled_otherwise("mean", lambda y, real: (y * real).mean(dim=0))(pool)


def _maximum_with_zero(pool: Any) -> Any:
    return _pooled_otherwise("max", lambda y, real: (y * real).amax(dim=0))(pool)


def _first_part_only(_: Any) -> Any:
    return lambda add, of_parts: of_parts[0]


def _shifted_ids(padded: Any) -> Any:
    def shifted(self: Any, *arguments: Any) -> Any:
        tokens = padded(self, *arguments)
        return np.where((tokens > 0) & (tokens < 39), tokens + 1, tokens)

    return shifted


def _reversed_whole(_: Any) -> Any:
    torch = importlib.import_module("torch")
    return lambda real: torch.arange(len(real)).flip(0)[:, None].expand(real.shape)


def _no_reversal(_: Any) -> Any:
    return lambda self, inputs: inputs[0]


def _constants(**changed: Any) -> Callable[[Any], Any]:
    return lambda optimizer: lambda *given, **options: optimizer(*given, **{**options, **changed})


def _fastai_epsilon(_: Any) -> Any:
    return lambda specification, step: 1e-5


def _as_if(**changes: Any) -> Callable[[Any], Any]:
    """Have a function of a specification see another one."""
    return lambda right: lambda specification, *rest: right(specification.replaced(**changes), *rest)


def _other_parts(right: Any) -> Any:
    return {**right, "concat": ["max", "last", "mean"]}


def _summed(classifier: Any) -> Any:
    return lambda specification, _, **options: classifier(specification, "sum", **options)


def _clipped_in_slices(apply: Any) -> Any:
    """Clip before slices are summed, as Keras' own optimizers do."""

    def applied(self: Any, grads: Any, trainable_variables: Any = None) -> None:
        clipped = self._clip_gradients(grads)
        with patch.object(self, "global_clipnorm", None):
            apply(self, clipped, trainable_variables)

    return applied


def _decay_clipped_too(apply: Any) -> Any:
    """Add the weight decay to the gradients before these are clipped."""

    def applied(self: Any, grads: Any, trainable_variables: Any = None) -> Any:
        tf, right = importlib.import_module("tensorflow"), self.specification
        if right.optimizer == "adamw":
            return apply(self, grads, trainable_variables)
        variables = self._trainable_variables if trainable_variables is None else trainable_variables
        decayed = [
            tf.convert_to_tensor(gradient) + (variable.path != self.undecayed) * right.weight_decay * variable
            for gradient, variable in zip(grads, variables, strict=True)
        ]
        with patch.object(self, "specification", right.replaced(weight_decay=0.0)):
            return apply(self, decayed, trainable_variables)

    return applied


def _all_decayed(optimizer: Any) -> Any:
    """Leave out that the head's bias has no decay."""
    return lambda groups, **options: optimizer([{"params": group["params"]} for group in groups], **options)


def _all_decayed_in_keras(update: Any) -> Any:
    def updated(self: Any, *given: Any) -> None:
        with patch.object(self, "undecayed", ""):
            update(self, *given)

    return updated


def _momentum_stands(set_step: Any) -> Any:
    """Hold what beta_1 is at first."""
    return lambda optimizer, step: set_step(optimizer, step._replace(momentum=0.95))


def _summed_then_squared(_: Any) -> Any:
    tf = importlib.import_module("tensorflow")
    return lambda slices, shape: tf.square(tf.convert_to_tensor(slices))


def _without_bias(right: Any) -> Any:
    """Make a reprojection that has a bias and does not add it."""
    nn = importlib.import_module("torch").nn

    class WithoutBias(nn.Linear):  # type: ignore[misc, name-defined]
        def forward(self, inputs: Any) -> Any:
            return nn.functional.linear(inputs, self.weight)

    def made(specification: Any, weights: Any) -> Any:
        size = specification.embedding_size
        return WithoutBias(size, size) if "reprojection.kernel" in weights else right(specification, weights)

    return made


def _reprojected_first(_: Any) -> Any:
    def forward(self: Any, tokens: Any, masks: Any = None) -> Any:
        masked, masks = importlib.import_module("torch_layers.masks").masked, masks or {}
        inputs = masked(self.reprojection(self.embedding(tokens)), masks, *VECTOR_MASKS)
        features = self.rnn(inputs, tokens != self.specification.unread_id, masks.get("states"))
        return self.head(masked(features, masks, FEATURES))

    return forward


def _second_bias_left_out(make: Any) -> Any:
    """Give the optimizer all but the second biases."""

    def made(parts: Any, specification: Any) -> Any:
        optimizer = make(parts, specification)
        second = {id(each) for name, each in parts.rnn.named_parameters() if "bias_hh" in name}
        for group in optimizer.param_groups:
            group["params"] = [each for each in group["params"] if id(each) not in second]
        return optimizer

    return made


def _shortest_first(orders: Any) -> Any:
    """Sort as fastai's loader does, but from short to long."""
    right = orders["sorted_dl"]
    return {**orders, "sorted_dl": lambda generator, lengths, size: right(generator, -lengths, size)}


def _full_batches_or_not(_: Any) -> Any:
    return lambda self, reviews: -(-reviews // self.batch_size)


def _last_epoch_kept(compare: Any) -> Any:
    return lambda self, accuracy, loss, last: compare(self, accuracy, loss, last=False)


def _next(mask: str) -> Callable[[Any], Any]:
    """Draw one of the masks for the batch after the one that was asked for."""

    def change(draw: Any) -> Any:
        def drawn(self: Any, epoch: int, number: int, tokens: np.ndarray) -> Any:
            masks, later = (draw(self, epoch, each, tokens) for each in (number, number + 1))
            return {name: later[name] if name == mask else right for name, right in masks.items()}

        return drawn

    return change


def _not_rescaled(draw: Any) -> Any:
    def drawn(self: Any, *given: Any) -> Any:
        masks = draw(self, *given)
        return {**masks, FEATURES: (masks[FEATURES] > 0).astype(np.float32)}

    return drawn


def _state_masked(
    entering: Callable[[Any, Any, int], Any], carried: Callable[[Any, Any], Any] = lambda state, mask: state
) -> Callable[[Any], Any]:
    """Mask otherwise the state that enters a step, or what is carried over beside it."""
    torch = importlib.import_module("torch")
    linear = torch.nn.functional.linear

    def change(_: Any) -> Any:
        def outputs(layer: Any, inputs: Any, mask: Any) -> Any:
            step = importlib.import_module("torch_layers.steps").STEPS[layer.mode]
            state = (torch.zeros_like(mask), torch.zeros_like(mask))
            found = []
            for at, a in enumerate(linear(inputs, layer.weight_ih_l0, layer.bias_ih_l0)):
                r = linear(entering(state[0], mask, at), layer.weight_hh_l0, layer.bias_hh_l0)
                state = step(a, r, carried(state, mask))
                found.append(state[0])
            return torch.stack(found)

        return outputs

    return change


def _carried_masked(number: int) -> Callable[[Any], Any]:
    """Mask what is carried over too: the first of a state is h, the second an LSTM's cell."""

    def carried(state: Any, mask: Any) -> Any:
        return tuple(each * mask if place == number else each for place, each in enumerate(state))

    return lambda right: _state_masked(lambda h, mask, at: h * mask, carried)(right)


def _new_mask_each_step(right: Any) -> Any:
    return _state_masked(lambda h, mask, at: h * mask.roll(at, 1))(right)


def _other_directions_mask(forward: Any) -> Any:
    def encoded(self: Any, inputs: Any, real: Any, state_mask: Any = None) -> Any:
        if state_mask is not None and len(self.specification.directions) == 2:
            shape = (len(state_mask), self.specification.layers, 2, self.specification.hidden_size)
            state_mask = state_mask.reshape(shape).flip(2).flatten(1)
        return forward(self, inputs, real, state_mask)

    return encoded


def _mask_otherwise(mask: str, wrong: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Make another mask for the words' vectors, of these and the right mask."""

    def change(masked: Any) -> Any:
        def multiplied(values: Any, masks: Any, *names: str) -> Any:
            if mask in names and mask in masks:
                masks = {**masks, mask: wrong(values, masks[mask])}
            return masked(values, masks, *names)

        return multiplied

    return change


def _channels_of_each_word(right: Any) -> Any:
    torch = importlib.import_module("torch")
    every = _mask_otherwise(CHANNELS, lambda x, mask: torch.cat([mask.roll(at, 2) for at in range(x.shape[1])], dim=1))
    return every(right)


def _next_label(index: Any) -> Any:
    return lambda self, item: (index(self, item) + 1) % len(self)


def _logits_in_other_order(right: Any) -> Any:
    return lambda outputs: right(outputs)[:, ::-1]


def _no_mask(call: Any) -> Any:
    return lambda self, sequences, factors: call(self, sequences, factors * 0 + 1)


def _of_the_class_before(weigh: Any) -> Any:
    def weighed(*given: Any) -> Any:
        weights = weigh(*given)
        return None if weights is None else np.roll(weights, 1)

    return weighed


def _pytorchs_own_mean(_: Any) -> Any:
    return importlib.import_module("torch").nn.CrossEntropyLoss


def _one_step_ahead(rate: Any) -> Any:
    return lambda specification, step, steps: rate(specification, step + 1, steps)


def _other_seed(order: Any) -> Any:
    return lambda self, epoch: order(self, epoch + 1)


STEPPED = "torch_layers.encoder:outputs_with_mask"
NAN = float("nan")
ARRAYS = ("embedding", *(f"rnn.0.forward.{kind}" for kind in ("input_kernel", "recurrent_kernel", "bias")))
ARRAYS = (*ARRAYS, "head.kernel", "head.bias")


def _array_of_nan(array: str) -> Callable[[Any], Any]:
    """Put NaN into every number of one array that a function returns by name."""
    return lambda export: (
        lambda model: {name: values * NAN if name == array else values for name, values in export(model).items()}
    )


def _one_nan_in_a_weight(export: Any) -> Any:
    def exported(parts: Any) -> Any:
        weights = export(parts)
        weights["rnn.0.forward.recurrent_kernel"][1, 2] = NAN
        return weights

    return exported


def _one_review_of_nan(forward: Any) -> Any:
    """Answer one review of a batch with NaN, but not in training."""

    def with_nan(self: Any, *given: Any) -> Any:
        logits = forward(self, *given)
        if not self.training:
            logits[-1] = NAN
        return logits

    return with_nan


def _one_answer_of_nan(softmax: Any) -> Any:
    def with_nan(logits: Any) -> Any:
        answers = np.array(softmax(logits))
        answers[-1] = NAN
        return answers

    return with_nan


def _nan_in_step(step: int) -> Callable[[Any], Any]:
    """Record NaN as the loss of one step."""

    def change(record: Any) -> Any:
        def recorded(self: Any, loss: float, *rest: Any) -> None:
            record(self, NAN if len(self.history.step_losses) == step else loss, *rest)

        return recorded

    return change


FAULTS = (
    Fault("GRU: r and z swapped", "pytorch", "shared.weights:TORCH_GATE_ORDER", _other_order("gru", (0, 1, 2))),
    Fault(
        "GRU: r and z swapped in the biases alone",
        "flair",
        "torch_layers.weights:to_torch_layout",
        _biases_in_other_order,
    ),
    Fault(
        "LSTM: forget and cell gates swapped",
        "fastai",
        "shared.weights:TORCH_GATE_ORDER",
        _other_order("lstm", (0, 2, 1, 3)),
    ),
    Fault(
        "LSTM: the bias stands in both of PyTorch's", "pytorch", "torch_layers.weights:to_torch_layout", _both_biases
    ),
    Fault(
        "LSTM: PyTorch's second bias is trained",
        "fastai",
        "fastai_impl.model:load_weights",
        _second_bias_trained,
        (
            ("fastai_impl.weights:export_parts", _both_as_one(folded)),
            ("fastai_impl.weights:export_part_gradients", _both_as_one(_without_second_biases)),
        ),
    ),
    Fault("LSTM: a second bias is not trained", "flair", "flair_impl.training:make_optimizer", _second_bias_left_out),
    Fault("reprojection without bias", "flair", "flair_impl.model:reprojection", _without_bias),
    Fault(
        "reprojection before the mask", "pytorch", "pytorch_impl.model:SentimentClassifier.forward", _reprojected_first
    ),
    Fault("pooling without a mask", "pytorch", "torch_layers.encoder:pool", _pool_everywhere),
    Fault("last output read after the padding", "flair", "torch_layers.encoder:pool", _last_column),
    Fault("mean over padding too", "fastai", "torch_layers.encoder:pool", _mean_over_padding),
    Fault("maximum with padding as zero", "pytorch", "torch_layers.encoder:pool", _maximum_with_zero),
    Fault("pooled parts in another order", "keras", "keras_impl.model:POOLED", _other_parts),
    Fault("backward direction reads forward", "keras", "keras_impl.model:Mirror.call", _no_reversal),
    Fault(
        "backward direction starts in the padding", "fastai", "torch_layers.encoder:mirrored_places", _reversed_whole
    ),
    Fault("gradients of the first part only", "pytorch", "torch_layers.parts:reduce", _first_part_only),
    Fault("word ids shifted by one", "keras", "shared.data.encoded:EncodedReviews.padded", _shifted_ids),
    Fault("loss summed over the batch", "flair", "flair_impl.model:SentimentClassifier", _summed),
    Fault(
        "epsilon before Adam's bias correction", "keras", "shared.history:epsilon_at", _as_if(epsilon_place="before")
    ),
    Fault("clipping by the norm of slices", "keras", "keras_impl.training:SGD.apply", _clipped_in_slices),
    Fault("fastai's epsilon, 1e-5", "fastai", "shared.history:epsilon_at", _fastai_epsilon),
    Fault("fastai's beta 2, .99", "pytorch", "torch.optim:Adam", _constants(betas=(0.9, 0.99))),
    Fault("no clipping", "pytorch", "torch.nn.utils:clip_grad_norm_", lambda _: lambda *given: None),
    Fault("learning rate one step ahead", "keras", "shared.history:learning_rate_at", _one_step_ahead),
    Fault("weight decay clipped too", "keras", "keras_impl.training:SGD.apply", _decay_clipped_too),
    Fault(
        "weight decay decoupled", "flair", "torch.optim:Adam", lambda _: importlib.import_module("torch").optim.AdamW
    ),
    Fault(
        "weight decay as a part of the gradient",
        "fastai",
        "torch.optim:AdamW",
        lambda _: importlib.import_module("torch").optim.Adam,
    ),
    Fault("decay of the head's bias", "pytorch", "torch.optim:SGD", _all_decayed),
    Fault("decay of the head's bias", "keras", "keras_impl.training:SGD.update_step", _all_decayed_in_keras),
    Fault("beta 1 held where it moves", "pytorch", "pytorch_impl.training:set_step", _momentum_stands),
    Fault("beta 1 held where it moves", "keras", "shared.history:momentum_at", _as_if(momentum_schedule="constant")),
    Fault("peak of the cycle one step late", "flair", "shared.history:ONE_CYCLE_WARM_UP", lambda share: share + 0.01),
    Fault("momentum with dampening", "fastai", "torch.optim:SGD", _constants(dampening=0.9)),
    Fault(
        "a word's places summed, then squared", "keras", "keras_impl.training:squares_of_slices", _summed_then_squared
    ),
    Fault(
        "a word's places summed, then squared",
        "pytorch",
        "torch_layers.optimizers:_PlacesApart",
        lambda _: lambda *given, **options: None,
    ),
    Fault("last batch kept", "fastai", "shared.specification:Specification.batches_of", _full_batches_or_not),
    Fault("shortest reviews first", "pytorch", "shared.data.batches:ORDERS", _shortest_first),
    Fault("last epoch kept, not the best", "flair", "shared.history:Recorder._compare", _last_epoch_kept),
    Fault("dropout mask of the next batch", "flair", "shared.data.batches:Batches.masks", _next(FEATURES)),
    Fault("dropout without rescaling", "fastai", "shared.data.batches:Batches.masks", _not_rescaled),
    Fault("word mask of the next batch", "pytorch", "shared.data.batches:Batches.masks", _next(WORDS)),
    Fault("channels dropped anew for each word", "pytorch", "pytorch_impl.model:masked", _channels_of_each_word),
    Fault(
        "channels dropped for the whole batch",
        "flair",
        "flair_impl.model:masked",
        _mask_otherwise(CHANNELS, lambda _, mask: mask[:1]),
    ),
    Fault(
        "dropped places scaled up",
        "fastai",
        "fastai_impl.model:masked",
        _mask_otherwise(PLACES, lambda _, mask: mask / 0.8),
    ),
    Fault(
        "numbers dropped alike at all places",
        "flair",
        "flair_impl.model:masked",
        _mask_otherwise(NUMBERS, lambda _, mask: mask[:, :1]),
    ),
    Fault("state dropped where a GRU carries it over too", "pytorch", STEPPED, _carried_masked(0)),
    Fault("state dropped in an LSTM's cell too", "flair", STEPPED, _carried_masked(1)),
    Fault("state dropped anew in each step", "fastai", STEPPED, _new_mask_each_step),
    Fault(
        "state's mask of the other direction", "flair", "torch_layers.encoder:Encoder.forward", _other_directions_mask
    ),
    Fault(
        "one logit of the other class",
        "fastai",
        "torch_layers.head:both_logits",
        lambda right: lambda z: right(z).flip(1),
    ),
    Fault("one logit of the other class", "keras", "keras_impl.model:both_logits", _logits_in_other_order),
    Fault("state not dropped", "keras", "keras_impl.recurrent:DroppedState.call", _no_mask),
    Fault("class weights of the class before", "keras", "keras_impl.training:class_weights", _of_the_class_before),
    Fault("class weights divided by their sum", "pytorch", "pytorch_impl.training:CrossEntropy", _pytorchs_own_mean),
    Fault("class weights divided by their sum", "flair", "flair_impl.model:CrossEntropy", _pytorchs_own_mean),
    Fault("no class weights", "fastai", "fastai_impl.training:weights_of_classes", lambda _: lambda *given: None),
    Fault("classes off by one", "flair", "flair_impl.model:Dictionary.get_idx_for_item", _next_label),
    Fault(
        "last weights kept, not averaged", "keras", "shared.history:Recorder._average", lambda _: lambda *given: None
    ),
    Fault("other order of batches", "keras", "shared.data.batches:Batches.order", _other_seed),
    *(
        Fault(
            f"NaN in the gradient of {array}", "pytorch", "pytorch_impl.training:export_gradients", _array_of_nan(array)
        )
        for array in ARRAYS
    ),
    Fault("NaN in the embedding's gradient", "flair", "flair_impl.training:export_gradients", _array_of_nan(ARRAYS[0])),
    Fault("NaN in the head's gradient", "fastai", "fastai_impl.training:export_gradients", _array_of_nan(ARRAYS[-1])),
    Fault("NaN in one trained weight", "pytorch", "pytorch_impl.weights:export_parts", _one_nan_in_a_weight),
    Fault("NaN in one trained weight", "fastai", "fastai_impl.weights:export_parts", _one_nan_in_a_weight),
    Fault(
        "NaN in the answer to one review", "fastai", "fastai_impl.model:SentimentClassifier.forward", _one_review_of_nan
    ),
    Fault("NaN in the answer to one review", "keras", "keras_impl.training:ops.softmax", _one_answer_of_nan),
    *(
        Fault("NaN as the loss of one step", name, "shared.history:Recorder.step", _nan_in_step(7))
        for name in ("keras", "pytorch", "flair", "fastai")
    ),
)
