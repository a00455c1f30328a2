// Compares what the stand-in answers with the gateway's contract: a stand-in that tells something else than the gateway would
// prove nothing about the page.
import { readFileSync } from "node:fs";

const contract = JSON.parse(readFileSync(new URL("../../openapi/v1.json", import.meta.url), "utf8"));
const NUMBERS = ["integer", "number"];

/** The schema of an answer of JSON; the path is one that was asked. */
function schemaOf(method, path, status) {
  const asked = path.split("/");
  const pattern = Object.keys(contract.paths).find((known) => {
    const parts = known.split("/");
    return parts.length === asked.length && parts.every((part, index) => part.startsWith("{") || part === asked[index]);
  });
  const operation = contract.paths[pattern]?.[method.toLowerCase()];
  // A path that an older gateway does not have is answered alike everywhere.
  const listed = operation?.responses[status] ?? (status === 404 ? contract.components.responses.NotFound : {});
  const content = (listed.$ref ? contract.components.responses[listed.$ref.split("/").pop()] : listed).content ?? {};
  const type = Object.keys(content).find((name) => name.includes("json"));
  if (!type) throw new Error(`the contract knows no answer ${status} of JSON for ${method} ${path}`);
  return content[type].schema;
}

/** What is wrong with a value, as sentences. Values of strings and limits of numbers are not looked at. */
function flaws(schema, value, place) {
  if (schema.$ref) return flaws(contract.components.schemas[schema.$ref.split("/").pop()], value, place);
  if (value === null) return schema.nullable ? [] : [`${place} is null`];
  if (schema.type === "array") {
    return Array.isArray(value) ? value.flatMap((item, index) => flaws(schema.items, item, `${place}[${index}]`)) : [`${place} is no list`];
  }
  // Any JSON.
  if (schema.type === undefined) return [];
  if (schema.type === "object") return flawsOfObject(schema, value, place);
  if (NUMBERS.includes(schema.type)) {
    const fits = schema.type === "integer" ? Number.isInteger(value) : typeof value === "number";
    return fits ? [] : [`${place} is no ${schema.type}`];
  }
  return typeof value === schema.type ? [] : [`${place} is no ${schema.type}`];
}

function flawsOfObject({ properties, required = [] }, value, place) {
  if (typeof value !== "object" || Array.isArray(value)) return [`${place} is no object`];
  // An object without named members may hold anything.
  if (!properties) return [];
  const missing = required.filter((name) => value[name] === undefined).map((name) => `${place} lacks ${name}`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return [...missing, ...members.flatMap(([name, member]) =>
    (properties[name] ? flaws(properties[name], member, `${place}.${name}`) : [`${place} has ${name}, which the contract does not know`]))];
}

/** Throws if the gateway would not answer so. */
export function comply(method, path, status, body) {
  const found = flaws(schemaOf(method, path, status), body, "the answer");
  if (found.length > 0) throw new Error(`${method} ${path} ${status}: ${found.join("; ")}`);
}
