"""Models as users of Keras write them, made and run in Keras' own process."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared.specification import Specification
from shared.weights import Weights
from tests.conformance.jobs import implementation
from tests.conformance.native_jobs import HIDDEN, SIZE, WORDS, tokens


def save_keras(framework: str, name: str, path: Path) -> np.ndarray | None:
    """Build a user's model, draw all its weights, save it, and return its outputs."""
    implementation(framework)
    import keras

    keras.utils.set_random_seed(1)
    model = KERAS_MODELS[name]()
    generator = np.random.default_rng(2)
    for variable in model.weights:
        variable.assign(generator.standard_normal(variable.shape) * 0.6)
    model.save(path)
    return outputs(model) if name in EXACT_KERAS else None


def outputs(model: Any) -> np.ndarray:
    return np.array(model(tokens(), training=False))


def open_keras(framework: str, path: Path) -> np.ndarray:
    """What a saved file answers."""
    implementation(framework)
    import keras

    return outputs(keras.saving.load_model(path))


def save_our_keras(framework: str, specification: Specification, weights: Weights, path: Path) -> np.ndarray:
    """Save the room's own model of a recipe; return its logits."""
    from keras_impl.model import with_masks
    from keras_impl.weights import load_weights

    model = implementation(framework).build(specification, weights)
    load_weights(model, weights)
    if specification.recipe == "lockstep":
        with_masks(model, ["features", "channels", "states"])  # as it is trained: its layers are used twice then
    model.save(path)
    length = model.input.shape[1] or 12
    return np.array(model(np.pad(tokens(), [(0, 0), (0, length - 12)]), training=False))


def _sequential(*recurrent: Any, head: Any = None, embedding: Any = None, after: Any = (), length: Any = None) -> Any:
    import keras
    from keras import layers

    embedding = embedding or layers.Embedding(WORDS, SIZE, mask_zero=True)
    head = head or layers.Dense(2, activation="softmax")
    return keras.Sequential([keras.Input((length,)), embedding, *recurrent, *after, head])


def _layers() -> Any:
    from keras import layers

    return layers


def _functional(chain: Callable[[Any], Any], **options: Any) -> Any:
    import keras

    inputs = keras.Input((None,), dtype="int32")
    return keras.Model(inputs, chain(inputs), **options)


def _two_inputs_of_one_head() -> Any:
    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs)
        return layers.Dense(2)(layers.Concatenate()([layers.LSTM(HIDDEN)(x), layers.GRU(HIDDEN)(x)]))

    return _functional(chain)


def _mask_given() -> Any:
    """As functional models were saved by earlier Keras 3: the mask is an input of each layer."""
    import keras

    layers = _layers()

    def chain(inputs: Any) -> Any:
        mask = keras.ops.not_equal(inputs, 0)
        x = layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs)
        x = layers.LSTM(HIDDEN, return_sequences=True)(x, mask=mask)
        return layers.Dense(2, activation="softmax")(layers.LSTM(HIDDEN)(x, mask=mask))

    return _functional(chain)


def _other_mask() -> Any:
    import keras

    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs)
        return layers.Dense(2)(layers.LSTM(HIDDEN)(x, mask=keras.ops.not_equal(inputs, 1)))

    return _functional(chain)


def _dropout_that_stays() -> Any:
    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.LSTM(HIDDEN)(layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs))
        return layers.Dense(2)(layers.Dropout(0.5)(x, training=True))

    return _functional(chain)


def _initial_state() -> Any:
    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs)
        first = layers.GRU(HIDDEN)(x)
        return layers.Dense(2)(layers.GRU(HIDDEN)(x, initial_state=first))

    return _functional(chain)


def _two_outputs() -> Any:
    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.LSTM(HIDDEN)(layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs))
        return [layers.Dense(2)(x), layers.Dense(2)(x)]

    return _functional(chain)


def _gru_functional() -> Any:
    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.GRU(HIDDEN)(layers.Embedding(WORDS, SIZE, mask_zero=True, trainable=False)(inputs))
        return layers.Dense(1, activation="sigmoid")(layers.Dropout(0.25)(x))

    return _functional(chain, name="reviews")


def _class_of_its_own() -> Any:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class Reviewer(keras.Model):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.embedding = _layers().Embedding(WORDS, SIZE)

        def call(self, inputs: Any) -> Any:
            return self.embedding(inputs)

    model = Reviewer()
    model(tokens())
    return model


def _layer_of_its_own() -> Any:
    import keras

    @keras.saving.register_keras_serializable("tests")
    class LSTM(keras.layers.LSTM):  # the name alone must not make it one of Keras'
        pass

    return _sequential(LSTM(HIDDEN))


def _nested() -> Any:
    import keras

    layers = _layers()
    inner = keras.Sequential([keras.Input((None,)), layers.Embedding(WORDS, SIZE, mask_zero=True)])
    return _sequential(layers.LSTM(HIDDEN), embedding=inner)


def _stateful() -> Any:
    import keras

    layers = _layers()
    inputs = keras.Input(batch_shape=(8, None))
    x = layers.GRU(HIDDEN, stateful=True)(layers.Embedding(WORDS, SIZE, mask_zero=True)(inputs))
    return keras.Model(inputs, layers.Dense(2)(x))


def _from_text() -> Any:
    import keras

    layers = _layers()
    vectorization = layers.TextVectorization(vocabulary=["good", "bad"])
    chain = [vectorization, layers.Embedding(4, SIZE, mask_zero=True), layers.LSTM(HIDDEN), layers.Dense(2)]
    return keras.Sequential([keras.Input((1,), dtype="string"), *chain])


def _with_lora() -> Any:
    model = _sequential(_layers().LSTM(HIDDEN))
    model.layers[0].enable_lora(2)
    return model


def _our_layers_rearranged() -> Any:
    from keras_impl.model import MaskedPooling

    layers = _layers()

    def chain(inputs: Any) -> Any:
        x = layers.Embedding(WORDS, SIZE, name="embedding")(inputs)
        y = layers.LSTM(HIDDEN, return_sequences=True, name="rnn.0.forward")(x)
        features = MaskedPooling("max", 0, name="features")([inputs, y])
        return layers.Dense(2, name="head")(layers.Dropout(0.5)(features))

    return _functional(chain)


def _our_second_bias(architecture: str) -> Any:
    """Our own model as it is in training, before its two biases are added to one."""
    from keras_impl.model import SECOND_BIAS_CELLS, sentiment_classifier

    sizes = {"vectors": "random", "embedding_size": SIZE, "hidden_size": HIDDEN}
    specification = Specification().replaced(architecture=architecture, **sizes)
    return sentiment_classifier(specification, WORDS, 2, SECOND_BIAS_CELLS)


# Each has an exact counterpart.
EXACT_KERAS: dict[str, Callable[[], Any]] = {
    "lstm, dropout, softmax": lambda: _sequential(_layers().LSTM(HIDDEN), after=[_layers().Dropout(0.3)]),
    "gru, functional, sigmoid": _gru_functional,
    "rnn, unrolled, fixed length": lambda: _sequential(_layers().SimpleRNN(HIDDEN, unroll=True), length=12),
    "bilstm, stacked, logits": lambda: _sequential(
        _layers().Bidirectional(_layers().LSTM(HIDDEN, return_sequences=True)),
        _layers().Bidirectional(_layers().LSTM(HIDDEN)),
        head=_layers().Dense(3),
    ),
    "bigru, stacked, no biases": lambda: _sequential(
        _layers().Bidirectional(_layers().GRU(HIDDEN, return_sequences=True, use_bias=False)),
        _layers().Bidirectional(_layers().GRU(HIDDEN, use_bias=False)),
        head=_layers().Dense(2, use_bias=False, activation="softmax"),
    ),
    "birnn, backward layer given": lambda: _sequential(
        _layers().Bidirectional(
            _layers().SimpleRNN(HIDDEN), backward_layer=_layers().SimpleRNN(HIDDEN, use_bias=False, go_backwards=True)
        )
    ),
    "lstm, stacked, mask given": _mask_given,
    "lstm, frozen, dropped words and states, sigmoid": lambda: _sequential(
        _layers().LSTM(HIDDEN, dropout=0.3, recurrent_dropout=0.4),
        embedding=_layers().Embedding(WORDS, SIZE, mask_zero=True, trainable=False),
        head=_layers().Dense(1, activation="sigmoid"),
    ),
    "gru, spatial dropout, sigmoid": lambda: _sequential(
        _layers().SpatialDropout1D(0.3), _layers().GRU(HIDDEN), head=_layers().Dense(1, activation="sigmoid")
    ),
    "bilstm, stacked, dropped words": lambda: _sequential(
        _layers().Bidirectional(_layers().LSTM(HIDDEN, dropout=0.3, return_sequences=True)),
        _layers().Bidirectional(_layers().LSTM(HIDDEN)),
    ),
    "rnn, stacked, dropped states, 46 classes": lambda: _sequential(
        _layers().SimpleRNN(HIDDEN, recurrent_dropout=0.4, return_sequences=True),
        _layers().SimpleRNN(HIDDEN, recurrent_dropout=0.4),
        head=_layers().Dense(46, activation="softmax"),
    ),
    "bigru, 5 classes": lambda: _sequential(
        _layers().Bidirectional(_layers().GRU(HIDDEN)), head=_layers().Dense(5, activation="softmax")
    ),
}

# What the specification says of each but the defaults and the sizes, and whether Keras draws other masks.
SAID_OF_KERAS: dict[str, tuple[dict[str, object], bool]] = {
    "lstm, dropout, softmax": ({"dropout": 0.3}, False),
    "gru, functional, sigmoid": ({"dropout": 0.25, "train_embedding": False, "head": "sigmoid"}, False),
    "rnn, unrolled, fixed length": ({"max_length": 12}, False),
    "bilstm, stacked, logits": ({"layers": 2}, False),
    "bigru, stacked, no biases": ({"layers": 2}, False),
    "birnn, backward layer given": ({}, False),
    "lstm, stacked, mask given": ({"layers": 2}, False),
    "lstm, frozen, dropped words and states, sigmoid": (
        {"spatial_dropout": 0.3, "recurrent_dropout": 0.4, "train_embedding": False, "head": "sigmoid"},
        True,
    ),
    "gru, spatial dropout, sigmoid": ({"spatial_dropout": 0.3, "head": "sigmoid"}, False),
    "bilstm, stacked, dropped words": ({"layers": 2, "spatial_dropout": 0.3}, True),
    "rnn, stacked, dropped states, 46 classes": ({"layers": 2, "recurrent_dropout": 0.4}, False),
    "bigru, 5 classes": ({}, False),
}

# Each is refused, and the message names the layer and says this.
REFUSED_KERAS: dict[str, tuple[Callable[[], Any], str]] = {
    "reset before": (lambda: _sequential(_layers().GRU(HIDDEN, reset_after=False)), "(GRU): reset_after=False"),
    "words dropped twice": (
        lambda: _sequential(_layers().SpatialDropout1D(0.1), _layers().LSTM(HIDDEN, dropout=0.2)),
        "(LSTM): dropout=0.2 beside another of the same words",
    ),
    "words dropped otherwise backward": (
        lambda: _sequential(
            _layers().Bidirectional(
                _layers().LSTM(HIDDEN), backward_layer=_layers().LSTM(HIDDEN, dropout=0.2, go_backwards=True)
            )
        ),
        "(LSTM): dropout=0.0 beside another of the same words",
    ),
    "dropout in the second": (
        lambda: _sequential(_layers().GRU(HIDDEN, return_sequences=True), _layers().GRU(HIDDEN, dropout=0.2)),
        "(GRU): dropout=0.2 between recurrent layers",
    ),
    "states dropped in one layer": (
        lambda: _sequential(
            _layers().LSTM(HIDDEN, return_sequences=True), _layers().LSTM(HIDDEN, recurrent_dropout=0.1)
        ),
        "(LSTM): its recurrent_dropout differs",
    ),
    "all words dropped": (lambda: _sequential(_layers().LSTM(HIDDEN, dropout=1.0)), "spatial-dropout: "),
    "backwards": (lambda: _sequential(_layers().LSTM(HIDDEN, go_backwards=True)), "(LSTM): go_backwards=True"),
    "stateful": (_stateful, "(GRU): stateful=True"),
    "relu": (lambda: _sequential(_layers().SimpleRNN(HIDDEN, activation="relu")), "(SimpleRNN): activation='relu'"),
    "hard gates": (
        lambda: _sequential(_layers().LSTM(HIDDEN, recurrent_activation="hard_sigmoid")),
        "(LSTM): recurrent_activation='hard_sigmoid'",
    ),
    "no mask": (
        lambda: _sequential(_layers().LSTM(HIDDEN), embedding=_layers().Embedding(WORDS, SIZE)),
        "(Embedding): mask_zero=False: it reads padding as words",
    ),
    "sum": (
        lambda: _sequential(_layers().Bidirectional(_layers().LSTM(HIDDEN), merge_mode="sum")),
        "(Bidirectional): merge_mode='sum'",
    ),
    "spatial dropout of states": (
        lambda: _sequential(
            _layers().LSTM(HIDDEN, return_sequences=True), _layers().SpatialDropout1D(0.2), _layers().LSTM(HIDDEN)
        ),
        "(SpatialDropout1D): only one SpatialDropout1D, right after the Embedding",
    ),
    "maximum": (
        lambda: _sequential(_layers().LSTM(HIDDEN, return_sequences=True), _layers().GlobalMaxPooling1D()),
        "(GlobalMaxPooling1D): it ignores the mask",
    ),
    "mean": (
        lambda: _sequential(_layers().LSTM(HIDDEN, return_sequences=True), _layers().GlobalAveragePooling1D()),
        "(GlobalAveragePooling1D): a review without words scores NaN",
    ),
    "convolution": (
        lambda: _sequential(_layers().Conv1D(HIDDEN, 3), _layers().LSTM(HIDDEN)),
        "(Conv1D): there are no convolutions",
    ),
    "two dense": (
        lambda: _sequential(_layers().LSTM(HIDDEN), _layers().Dense(8, activation="relu")),
        "(Dense): a further Dense layer",
    ),
    "cell": (lambda: _sequential(_layers().RNN(_layers().LSTMCell(HIDDEN))), "(RNN): a cell of its own"),
    "cell both ways": (
        lambda: _sequential(_layers().Bidirectional(_layers().RNN(_layers().GRUCell(HIDDEN)))),
        "(RNN): a cell of its own",
    ),
    "normalized": (
        lambda: _sequential(_layers().LSTM(HIDDEN), _layers().LayerNormalization()),
        "(LayerNormalization): has no counterpart",
    ),
    "lambda": (
        lambda: _sequential(_layers().LSTM(HIDDEN), _layers().Lambda(lambda x: x * 2)),
        "(Lambda): it holds code, and code from a file is never run",
    ),
    "second bias": (
        lambda: _our_second_bias("bilstm"),
        "(LSTM): second_bias=True has no exact counterpart: convert the checkpoint",
    ),
    "second bias of an RNN": (lambda: _our_second_bias("rnn"), "(SimpleRNN): second_bias=True"),
    "own layer": (_layer_of_its_own, "(LSTM): a layer of its own"),
    "own model": (_class_of_its_own, "model 'Reviewer': a class of its own is code"),
    "two sizes": (
        lambda: _sequential(_layers().LSTM(HIDDEN, return_sequences=True), _layers().LSTM(HIDDEN + 1)),
        "(LSTM): differs from the first recurrent layer",
    ),
    "two kinds": (
        lambda: _sequential(_layers().LSTM(HIDDEN, return_sequences=True), _layers().GRU(HIDDEN)),
        "(GRU): differs from the first recurrent layer",
    ),
    "every token": (
        lambda: _sequential(_layers().LSTM(HIDDEN, return_sequences=True)),
        "(LSTM): return_sequences=True: the head would answer each token",
    ),
    "state lost": (
        lambda: _sequential(_layers().LSTM(HIDDEN, zero_output_for_mask=True)),
        "(LSTM): zero_output_for_mask=True",
    ),
    "dropout between": (
        lambda: _sequential(
            _layers().LSTM(HIDDEN, return_sequences=True), _layers().Dropout(0.1), _layers().LSTM(HIDDEN)
        ),
        "(Dropout): only one Dropout, right before the head",
    ),
    "one linear unit": (
        lambda: _sequential(_layers().LSTM(HIDDEN), head=_layers().Dense(1)),
        "(Dense): 1 unit with activation='linear'",
    ),
    "two answers": (
        lambda: _sequential(_layers().LSTM(HIDDEN), head=_layers().Dense(2, activation="sigmoid")),
        "(Dense): 2 units with a sigmoid",
    ),
    "relu head": (
        lambda: _sequential(_layers().LSTM(HIDDEN), head=_layers().Dense(2, activation="relu")),
        "(Dense): activation='relu'",
    ),
    "no head": (
        lambda: _sequential(head=_layers().LSTM(HIDDEN)),
        "(LSTM): stands last, where a Dense head is read",
    ),
    "mixed numbers": (
        lambda: _sequential(_layers().LSTM(HIDDEN, dtype="mixed_float16")),
        "(LSTM): dtype 'mixed_float16'",
    ),
    "two branches": (_two_inputs_of_one_head, "(Concatenate): only a chain of layers is read"),
    "other mask": (_other_mask, "(NotEqual): "),
    "dropout that stays": (_dropout_that_stays, "(Dropout): is called with training=…"),
    "initial state": (_initial_state, "(GRU): "),
    "two outputs": (_two_outputs, "it has 2 outputs"),
    "from text": (_from_text, "(TextVectorization): a model of token ids is read"),
    "lora": (_with_lora, "(Embedding): LoRA and quantization have no counterpart"),
    "nested": (_nested, "(Sequential): a model within a model"),
    "ours, rearranged": (_our_layers_rearranged, "our own layers in another model"),
}


KERAS_MODELS = {**EXACT_KERAS, **{name: build for name, (build, _) in REFUSED_KERAS.items()}}


def save_hostile_keras(framework: str, path: Path, name: str) -> None:
    """Write a file that claims or asks for more than there is."""
    implementation(framework)
    HOSTILE_KERAS[name][0](path)


def save_harmless_keras(framework: str, path: Path, name: str) -> None:
    """Write a file whose configuration asks for much that no trained model needs."""
    implementation(framework)
    HARMLESS_KERAS[name](path)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _configured(model: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """A user's model whose configuration was changed."""

    def make(path: Path) -> None:
        save_keras("keras", model, path)
        members = members_of(path)
        configuration = json.loads(members["config.json"])
        change(configuration["config"])
        write_members(path, {**members, "config.json": json.dumps(configuration).encode()})

    return make


def _set(place: int, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["layers"][place]["config"].update(values)


def _built(place: int, shape: list[int | None]) -> Callable[[dict[str, Any]], None]:
    return lambda config: config["layers"][place].update(build_config={"input_shape": shape})


def _arrays(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """A user's model whose arrays were changed."""

    def make(path: Path) -> None:
        import h5py

        save_keras("keras", LSTM, path)
        members = members_of(path)
        stream = io.BytesIO(members["model.weights.h5"])
        with h5py.File(stream, "a") as file:
            change(file)
        write_members(path, {**members, "model.weights.h5": stream.getvalue()})

    return make


KERNEL = "layers/dense/vars/0"


def _in_place_of_the_kernel(put: Callable[[Any], None]) -> Callable[[Path], None]:
    def change(file: Any) -> None:
        del file[KERNEL]
        put(file)

    return _arrays(change)


def _linked(kind: str) -> Callable[[Any], None]:
    def put(file: Any) -> None:
        import h5py

        links = {"external": h5py.ExternalLink("/other.h5", "a"), "soft": h5py.SoftLink("/layers/embedding/vars/0")}
        file[KERNEL] = links[kind]

    return put


def _virtual(file: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout((HIDDEN, 2), "float32")
    layout[:] = h5py.VirtualSource("/other.h5", "a", (HIDDEN, 2))
    file.create_virtual_dataset(KERNEL, layout)


def _unwritten(file: Any) -> None:
    """A matrix of 40 GB of which nothing was ever written."""
    file.create_dataset(KERNEL, (100_000, 100_000), "float32", chunks=(1_000, 1_000))


def _compressed(file: Any) -> None:
    zeros = np.zeros((10_000, 1_000), np.float32)
    file.create_dataset(KERNEL, data=zeros, chunks=(1_000, 1_000), compression="gzip")


def _bomb(path: Path) -> None:
    save_keras("keras", LSTM, path)
    members = members_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
                for _ in range(600 if name.endswith(".h5") else 0):
                    member.write(bytes(1 << 20))


def _nested_lists(path: Path) -> None:
    save_keras("keras", LSTM, path)
    write_members(path, {**members_of(path), "config.json": b"[" * 1_000_000})


def _unbuilt(path: Path) -> None:
    import keras

    layers = _layers()
    recurrent = layers.LSTM(HIDDEN)
    keras.Sequential([layers.Embedding(WORDS, SIZE, mask_zero=True), recurrent, layers.Dense(2)]).save(path)


LSTM, FUNCTIONAL, UNROLLED = "lstm, dropout, softmax", "gru, functional, sigmoid", "rnn, unrolled, fixed length"
# Places of layers in the configuration.
EMBEDDING, RECURRENT_LAYER, HEAD = 1, 2, -1

# How a file is made, and what the refusal says.
HOSTILE_KERAS: dict[str, tuple[Callable[[Path], None], str]] = {
    "many words": (_configured(LSTM, _set(EMBEDDING, input_dim=9_000_000)), "bytes of weights where there are"),
    "far too many words": (_configured(LSTM, _set(EMBEDDING, input_dim=10**15)), "vocabulary-size"),
    "large vectors": (_configured(LSTM, _set(EMBEDDING, output_dim=4_000)), "bytes of weights where there are"),
    "many units": (_configured(LSTM, _set(RECURRENT_LAYER, units=4_000)), "bytes of weights where there are"),
    "many classes": (_configured(LSTM, _set(HEAD, units=10**12)), "bytes of weights where there are"),
    "units of text": (_configured(LSTM, _set(RECURRENT_LAYER, units="4")), "units='4' is no size"),
    "units of truth": (_configured(LSTM, _set(RECURRENT_LAYER, units=True)), "units=True is no size"),
    "negative units": (_configured(FUNCTIONAL, _set(HEAD, units=-1)), "units=-1"),
    "long reviews": (_configured(UNROLLED, _set(0, batch_shape=[None, 10**9])), "max-length"),
    "many layers": (
        _configured(LSTM, lambda config: config.update(layers=config["layers"] * 1_000)),
        "layers, at most 1,000 are read",
    ),
    "nested lists": (_nested_lists, "damaged"),
    "bomb": (_bomb, "claims 629,"),
    "unwritten": (_in_place_of_the_kernel(_unwritten), "claim 40,000,0"),
    "compressed": (_in_place_of_the_kernel(_compressed), "claim 40,00"),
    "external link": (_in_place_of_the_kernel(_linked("external")), "'layers/dense/vars/0' leads out of its place"),
    "soft link": (_in_place_of_the_kernel(_linked("soft")), "leads out of its place"),
    "virtual": (_in_place_of_the_kernel(_virtual), "lies in another file"),
    "never built": (_unbuilt, "never built and has no weights"),
    "other shape": (
        _in_place_of_the_kernel(lambda file: file.create_dataset(KERNEL, data=np.ones((2, 2), np.float32))),
        "not the arrays of its layers",
    ),
    "other numbers": (
        _in_place_of_the_kernel(lambda file: file.create_dataset(KERNEL, data=np.ones((HIDDEN, 2)))),
        "is float64, only float32 is read",
    ),
    "text for numbers": (
        _in_place_of_the_kernel(lambda file: file.create_dataset(KERNEL, data=np.array([[b"a", b"b"]] * HIDDEN))),
        "only float32 is read",
    ),
}

# These ask for 400 GB in what is not looked at: the model is read.
HARMLESS_KERAS: dict[str, Callable[[Path], None]] = {
    "built as large": _configured(LSTM, _built(RECURRENT_LAYER, [None, None, 10**10])),
    "constant": _configured(
        LSTM,
        _set(
            EMBEDDING,
            embeddings_initializer={
                "module": "keras.initializers",
                "class_name": "Lambda",
                "config": {"value": "open('touched', 'w')"},
                "registered_name": None,
            },
        ),
    ),
}
