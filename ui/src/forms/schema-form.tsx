import { createContext, useContext, useEffect, useMemo, useRef, useState } from "react";
import type { JsonObject } from "@/api/types";
import { Field } from "@/ui";
import { widgetFor } from "./registry";
import { initial, titleOf, unwrapped } from "./schema";
import type { FormErrors, Schema, WidgetProps } from "./types";
import "./widgets";

const Errors = createContext<FormErrors>({});
const Left = createContext<(path: string) => void>(() => undefined);

type Props = {
  schema: Schema;
  /** What is set; fields that are absent show their default. */
  value: JsonObject;
  /** The whole new value. `changed` is the field that was edited; `what` names an undo step of its own. */
  onChange: (value: JsonObject, changed: string, what?: string) => void;
  /** By JSON Pointer: from `validate`, from a Problem's `errors`, from the server's check. */
  errors?: FormErrors;
  /** A field's error shows once the field was left, or all of them after `attempt`. */
  calm?: boolean;
  /** Counted up with each try to send the form: shows every error, and the first bad field takes the focus. */
  attempt?: number;
  /** Only these, in this order. */
  only?: readonly string[];
  except?: readonly string[];
  disabled?: boolean;
  className?: string;
};

/** A form drawn from the server's JSON Schema. Holds no state: the value and its changes belong to the caller. */
export function SchemaForm({ errors = NONE, calm = false, attempt = 0, ...props }: Props) {
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const form = useRef<HTMLDivElement>(null);
  const all = !calm || attempt > 0;
  const shown = useMemo(
    () =>
      all
        ? errors
        : Object.fromEntries(
            Object.entries(errors).filter(([path]) =>
              [...left].some((each) => path === each || path.startsWith(`${each}/`)),
            ),
          ),
    [all, errors, left],
  );
  const leave = useMemo(
    () => (path: string) => setLeft((before) => (before.has(path) ? before : new Set([...before, path]))),
    [],
  );
  useEffect(() => {
    if (attempt === 0 || document.activeElement?.getAttribute("aria-invalid") === "true") return;
    form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [attempt]);
  return (
    <Errors.Provider value={shown}>
      <Left.Provider value={leave}>
        <div ref={form} className="contents">
          <Fields {...props} path="" />
        </div>
      </Left.Provider>
    </Errors.Provider>
  );
}

const NONE: FormErrors = {};

type FieldsProps = Omit<Props, "errors" | "calm" | "attempt"> & { path: string };

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
  const set = (name: string, next: unknown, what?: string) => {
    const changed: JsonObject = { ...value };
    if (next === undefined) delete changed[name];
    else changed[name] = next;
    const kept = released(properties, changed, name);
    if (what === undefined) onChange(kept, name);
    else onChange(kept, name, what);
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
          onChange={(next, what) => set(name, next, what)}
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
  onChange: (value: unknown, what?: string) => void;
};

function FormField({ name, path, schema: outer, required, ...rest }: FormFieldProps) {
  const errors = useContext(Errors);
  const leave = useContext(Left);
  const { schema, nullable } = unwrapped(outer);
  const { component: Component, bare } = widgetFor(schema);
  const props = { ...rest, name, path, schema, nullable, required } as WidgetProps<never>;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only hears that the field inside was left
    <div className="min-w-0" data-field={path} onBlur={() => leave(path)}>
      {bare ? (
        <Component {...props} />
      ) : (
        <Field
          label={titleOf(name, schema)}
          hint={schema.description}
          error={errors[path]}
          required={required}
        >
          <Component {...props} />
        </Field>
      )}
    </div>
  );
}

/** The error at a path, for bare widgets. */
export function useFieldError(path: string): string | undefined {
  return useContext(Errors)[path];
}
