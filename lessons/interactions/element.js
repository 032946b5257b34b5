// Adds an element with a text to its parent, and returns it; every interaction is given this function.
(name, text, parent, attributes) => {
  const made = Object.assign(document.createElement(name), attributes);
  made.textContent = text;
  parent.append(made);
  return made;
}
