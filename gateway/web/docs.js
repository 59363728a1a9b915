// Shows /openapi.json: each call with its fields, without anything from outside.

const schemaOf = (content) => Object.values(content ?? {})[0]?.schema;
const nameOf = (schema) => schema?.$ref?.split("/").at(-1) ?? schema?.anyOf?.map(nameOf).join(" or ") ?? schema?.type ?? "";

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function fieldTable(api, schema) {
  const known = api.components.schemas[nameOf(schema)];
  if (!known?.properties) return element("p", nameOf(schema));
  const rows = Object.entries(known.properties).map(([name, field]) =>
    element("tr", "", element("td", "", element("code", name)), element("td", nameOf(field)), element("td", field.description ?? "")),
  );
  return element("table", "", element("tbody", "", ...rows));
}

function section(api, method, path, operation) {
  const made = element("section", "", element("h2", `${method.toUpperCase()} ${path}`), element("p", operation.description ?? operation.summary ?? ""));
  for (const parameter of operation.parameters ?? []) {
    made.append(element("p", `${parameter.name} (${parameter.in}): ${parameter.description ?? ""}`));
  }
  const body = schemaOf(operation.requestBody?.content);
  if (body) made.append(element("p", `Body: ${nameOf(body)}`), fieldTable(api, body));
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (status !== "default") made.append(element("p", `${status}: ${nameOf(schemaOf(answer.content))}`));
  }
  return made;
}

const api = await (await fetch("/openapi.json")).json();
// The description marks code with backticks, as OpenAPI's Markdown does.
document.getElementById("description").append(
  ...api.info.description.split("`").map((text, place) => (place % 2 ? element("code", text) : text)),
);
document.querySelectorAll(".here").forEach((place) => (place.textContent = location.origin));
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    document.getElementById("operations").append(section(api, method, path, operation));
  }
}
