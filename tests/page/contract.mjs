// Checks the stand-in's responses against the gateway's OpenAPI contract, so that the page is tested with valid responses.
import { readFileSync } from "node:fs";

const contract = JSON.parse(readFileSync(new URL("../../openapi/v1.json", import.meta.url), "utf8"));
const NUMBERS = ["integer", "number"];

/** Returns the schema of a JSON response to a request path. */
function schemaOf(method, path, status) {
  const segments = path.split("/");
  const pattern = Object.keys(contract.paths).find((known) => {
    const parts = known.split("/");
    return parts.length === segments.length && parts.every((part, index) => part.startsWith("{") || part === segments[index]);
  });
  const operation = contract.paths[pattern]?.[method.toLowerCase()];
  // Paths outside the contract get the common 404.
  const response = operation?.responses[status] ?? (status === 404 ? contract.components.responses.NotFound : {});
  const content = (response.$ref ? contract.components.responses[response.$ref.split("/").pop()] : response).content ?? {};
  const type = Object.keys(content).find((name) => name.includes("json"));
  if (!type) throw new Error(`the contract has no JSON response ${status} for ${method} ${path}`);
  return content[type].schema;
}

/** Returns a value's deviations from its schema. String formats and number ranges are not checked. */
function schemaErrors(schema, value, place) {
  if (schema.$ref) return schemaErrors(contract.components.schemas[schema.$ref.split("/").pop()], value, place);
  if (value === null) return schema.nullable ? [] : [`${place} is null`];
  if (schema.type === "array") {
    return Array.isArray(value) ? value.flatMap((item, index) => schemaErrors(schema.items, item, `${place}[${index}]`)) : [`${place} is not a list`];
  }
  // Any JSON.
  if (schema.type === undefined) return [];
  if (schema.type === "object") return objectErrors(schema, value, place);
  if (NUMBERS.includes(schema.type)) {
    const fits = schema.type === "integer" ? Number.isInteger(value) : typeof value === "number";
    return fits ? [] : [`${place} is not of type ${schema.type}`];
  }
  return typeof value === schema.type ? [] : [`${place} is not of type ${schema.type}`];
}

function objectErrors({ properties, required = [] }, value, place) {
  if (typeof value !== "object" || Array.isArray(value)) return [`${place} is not an object`];
  // An object schema without properties allows any members.
  if (!properties) return [];
  const missing = required.filter((name) => value[name] === undefined).map((name) => `${place} lacks ${name}`);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return [...missing, ...members.flatMap(([name, member]) =>
    (properties[name] ? schemaErrors(properties[name], member, `${place}.${name}`) : [`${place} has ${name}, which the contract does not have`]))];
}

/** Throws if a response violates the contract. */
export function assertValid(method, path, status, body) {
  const found = schemaErrors(schemaOf(method, path, status), body, "the response");
  if (found.length > 0) throw new Error(`${method} ${path} ${status}: ${found.join("; ")}`);
}
