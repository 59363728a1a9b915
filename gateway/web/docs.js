// Shows /openapi.json: each call with its fields, each shape with its limits, without anything from outside.

import { element } from "./dom/element.js";

const schemaOf = (content) => Object.values(content ?? {})[0]?.schema;
const refOf = (schema) => schema?.$ref?.split("/").at(-1);

// Descriptions mark code with backticks, one or two, and parts of this page as [words](docs#part), as Markdown does; a line
// break there is only for the eye.
const prose = (text) => (text ?? "").replaceAll("``", "`").split("`").flatMap((part, place) => (place % 2 ? element("code", part) : linked(part.replace(/\s+/g, " "))));
const linked = (text) => text.split(/(\[[^\]]+\]\(docs#[^)]+\))/).map((part) => {
  const [, words, href] = /^\[(.+)\]\((.+)\)$/.exec(part) ?? [];
  return href ? element("a", { href }, words) : part;
});

function link(name) {
  const made = element("a", name);
  made.href = `#${name}`;
  return made;
}

function joined(parts, word) {
  return parts.flatMap((part, place) => (place ? [word, ...part] : part));
}

// The kind of a field and what it may hold: text and links.
function kindOf(schema = {}) {
  if (schema.$ref) return [link(refOf(schema))];
  if (schema.anyOf) return joined(schema.anyOf.map(kindOf), " or ");
  if (schema.enum) return joined(schema.enum.map((value) => [element("code", value)]), " or ");
  if (schema.type === "array") return ["list of ", ...kindOf(schema.items)];
  return [[schema.type ?? "any", ...limitsOf(schema)].join(", ")];
}

function limitsOf({ minimum, exclusiveMinimum, maximum, minLength, maxLength, format }) {
  const said = [];
  if (format) said.push(format);
  // The bounds of a 64-bit number are not kept by JavaScript, and tell a reader nothing.
  if (minimum !== undefined && !Number.isSafeInteger(minimum)) return said;
  if (minimum !== undefined) said.push(`at least ${minimum}`);
  if (exclusiveMinimum !== undefined) said.push(`more than ${exclusiveMinimum}`);
  if (maximum !== undefined) said.push(`at most ${maximum}`);
  if (minLength) said.push(`at least ${minLength} character${minLength === 1 ? "" : "s"}`);
  if (maxLength !== undefined) said.push(`at most ${maxLength} characters`);
  return said;
}

const isWorthSaying = (value) => value !== undefined && value !== null && value !== "";

function fieldTable(api, name) {
  const { properties, required = [] } = api.components.schemas[name];
  const rows = Object.entries(properties).map(([field, schema]) =>
    element(
      "tr",
      element("td", element("code", field), required.includes(field) ? " *" : ""),
      element("td", ...kindOf(schema), isWorthSaying(schema.default) ? `; default ${schema.default}` : ""),
      element("td", ...prose(schema.description)),
    ),
  );
  return element("table", element("tbody", ...rows));
}

function shape(api, name) {
  const made = element("section", element("h3", name), element("p", ...prose(api.components.schemas[name].description)), fieldTable(api, name));
  made.id = name;
  return made;
}

function parameterRow({ name, in: place, description, schema }) {
  return element("tr", element("td", element("code", name)), element("td", `${place}; `, ...kindOf(schema)), element("td", ...prose(description)));
}

function answerLines(status, { description, content }) {
  const schema = schemaOf(content);
  const line = element("p", `${status}: `, ...(refOf(schema) ? [...kindOf(schema), ". "] : []), ...prose(description));
  return [line, ...examplesOf(content)];
}

function examplesOf(content) {
  const examples = Object.values(content?.["application/json"]?.examples ?? {});
  return examples.flatMap(({ summary, value }) => [element("p", `${summary}:`), element("pre", { tabindex: "0" }, JSON.stringify(value, null, 2))]);
}

function codeTable(rows) {
  const lines = rows.map(({ code, text, beside }) => element("tr", element("td", element("code", String(code))), element("td", beside), element("td", ...prose(text))));
  return element("table", element("tbody", ...lines));
}

function drawCodes(api) {
  const reasons = api["x-reasons"].map(({ code, text, status, retried }) => ({ code, text, beside: retried ? `${status}, retried` : String(status) }));
  const closeCodes = api["x-close-codes"].map(({ code, text, comeBack }) => ({ code, text, beside: `come back: ${comeBack}` }));
  document.getElementById("reasons").append(codeTable(reasons));
  document.getElementById("close-codes").append(codeTable(closeCodes));
}

const methodMark = (method) => element("span", { class: "method", "data-method": method }, method.toUpperCase());
const anchorOf = (method, path) => `${method}-${path.slice(1).replaceAll("/", "-").replace(/[{}]/g, "")}`;

// On a phone the contents would hide the page: they are opened there when they are wanted.
function drawContents(api, calls) {
  const byTag = Object.groupBy(calls, ([, , { tags }]) => tags?.[0] ?? "more");
  const lineOf = ([method, path]) => element("a", { href: `#${anchorOf(method, path)}` }, methodMark(method), path.replace(/^\/api/, ""));
  const lines = Object.entries(byTag).flatMap(([tag, group]) => [element("h2", `Calls: ${tag}`), ...group.map(lineOf)]);
  const shapes = Object.keys(api.components.schemas).map((name) => element("a", { href: `#${name}`, class: "shape" }, name));
  const codes = [["reasons", "Reasons"], ["close-codes", "Close codes"]].map(([part, words]) => element("a", { href: `#${part}`, class: "shape" }, words));
  document.querySelector("#contents nav").append(...lines, element("h2", "Shapes"), ...shapes, element("h2", "Codes"), ...codes);
  document.getElementById("contents").open = matchMedia("(min-width: 901px)").matches;
}

function section(api, method, path, operation) {
  const made = element("section", { id: anchorOf(method, path) }, element("h2", methodMark(method), path), element("p", ...prose(operation.description ?? operation.summary)));
  if (operation.parameters?.length) made.append(element("table", element("tbody", ...operation.parameters.map(parameterRow))));
  const body = refOf(schemaOf(operation.requestBody?.content));
  if (body) made.append(element("p", "Body: ", link(body), operation.requestBody.required ? "" : " (may be left out)"), fieldTable(api, body));
  made.append(...examplesOf(operation.requestBody?.content));
  for (const [status, answer] of Object.entries(operation.responses)) made.append(...answerLines(status, answer));
  return made;
}

const api = await (await fetch(new URL("openapi.json", document.baseURI))).json();
document.getElementById("description").append(...prose(api.info.description));
document.querySelectorAll(".here").forEach((place) => (place.textContent = new URL(".", document.baseURI).href.slice(0, -1)));
const calls = Object.entries(api.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => [method, path, operation]));
document.getElementById("operations").append(...calls.map(([method, path, operation]) => section(api, method, path, operation)));
document.getElementById("shapes").append(...Object.keys(api.components.schemas).map((name) => shape(api, name)));
drawCodes(api);
drawContents(api, calls);
// What the address names was not there yet when the page was loaded.
if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
