import { createContext, useContext } from "react";
import type { JsonObject } from "@/api/types";
import { Field } from "@/ui";
import { widgetFor } from "./registry";
import { initial, titleOf, unwrapped } from "./schema";
import type { FormErrors, Schema, WidgetProps } from "./types";
import "./widgets";

const Errors = createContext<FormErrors>({});

type Props = {
  schema: Schema;
  /** What is set; fields that are absent show their default. */
  value: JsonObject;
  /** The whole new value. `changed` is the field that was edited, for a named undo step. */
  onChange: (value: JsonObject, changed: string) => void;
  /** By JSON Pointer: from `validate`, from a Problem's `errors`, from the server's check. */
  errors?: FormErrors;
  /** Only these, in this order. */
  only?: readonly string[];
  except?: readonly string[];
  disabled?: boolean;
  className?: string;
};

/** A form drawn from the server's JSON Schema. Holds no state: the value and its changes belong to the caller. */
export function SchemaForm({ errors = {}, ...props }: Props) {
  return (
    <Errors.Provider value={errors}>
      <Fields {...props} path="" />
    </Errors.Provider>
  );
}

type FieldsProps = Omit<Props, "errors"> & { path: string };

/** The fields of one object; widgets for nested objects use it. */
export function Fields({
  schema,
  value,
  onChange,
  only,
  except = [],
  disabled = false,
  className,
  path,
}: FieldsProps) {
  const properties = schema.properties ?? {};
  const names = (only ?? Object.keys(properties)).filter(
    (name) => name in properties && !except.includes(name),
  );
  const set = (name: string, next: unknown) => {
    const changed: JsonObject = { ...value };
    if (next === undefined) delete changed[name];
    else changed[name] = next;
    onChange(released(properties, changed, name), name);
  };
  return (
    <div className={className ?? "flex flex-col gap-4"}>
      {names.map((name) => (
        <FormField
          key={name}
          name={name}
          path={`${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`}
          schema={properties[name] ?? {}}
          required={schema.required?.includes(name) ?? false}
          value={name in value ? value[name] : initial(properties[name] ?? {})}
          parent={value}
          disabled={disabled}
          onChange={(next) => set(name, next)}
        />
      ))}
    </div>
  );
}

/** Children of the changed field (`x-options.parent`) are set back, but only those whose value no longer fits. */
function released(properties: Record<string, Schema>, value: JsonObject, changed: string): JsonObject {
  let next = value;
  for (const [name, schema] of Object.entries(properties)) {
    if (schema["x-options"]?.parent !== changed) continue;
    const held = next[name];
    if (held !== undefined && held !== null && !widgetFor(unwrapped(schema).schema).fits?.(held, next)) {
      const { [name]: _, ...rest } = next;
      next = rest;
    }
    next = released(properties, next, name);
  }
  return next;
}

type FormFieldProps = {
  name: string;
  path: string;
  schema: Schema;
  required: boolean;
  value: unknown;
  parent: JsonObject;
  disabled: boolean;
  onChange: (value: unknown) => void;
};

function FormField({ name, path, schema: outer, required, ...rest }: FormFieldProps) {
  const errors = useContext(Errors);
  const { schema, nullable } = unwrapped(outer);
  const { component: Component, bare } = widgetFor(schema);
  const props = { ...rest, name, path, schema, nullable } as WidgetProps<never>;
  if (bare) return <Component {...props} />;
  return (
    <Field label={titleOf(name, schema)} hint={schema.description} error={errors[path]} required={required}>
      <Component {...props} />
    </Field>
  );
}

/** The error at a path, for bare widgets. */
export function useFieldError(path: string): string | undefined {
  return useContext(Errors)[path];
}
