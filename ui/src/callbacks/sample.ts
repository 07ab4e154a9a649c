type Schema = Record<string, unknown>;

/** A value of the shape that a JSON Schema asks for, to begin with: its examples and defaults first. */
export function sampleOf(schema: unknown, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > 6) return {};
  const { examples, default: preset, const: only, enum: choices, type, properties, items } = schema as Schema;
  if (only !== undefined) return only;
  if (preset !== undefined) return preset;
  if (Array.isArray(examples) && examples.length) return examples[0];
  if (Array.isArray(choices) && choices.length) return choices[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case "string":
      return "";
    case "integer":
    case "number":
      return 0;
    case "boolean":
      return true;
    case "null":
      return null;
    case "array":
      return items === undefined ? [] : [sampleOf(items, depth + 1)];
    default:
      return Object.fromEntries(
        Object.entries((properties ?? {}) as Schema).map(([name, part]) => [name, sampleOf(part, depth + 1)]),
      );
  }
}

/** The value of a JSON text; `undefined` for what is not JSON. An empty text is null. */
export function parsed(text: string): unknown {
  if (!text.trim()) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
