import { ArrowDown, ArrowUp, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import type { JsonObject } from "@/api/types";
import { t } from "@/lib/text";
import { Button, CodeEditor, Field, IconButton, Textarea } from "@/ui";
import { initial, titleOf } from "../schema";
import { Fields, useFieldError } from "../schema-form";
import type { WidgetProps } from "../types";

/** A list of objects: each a small form of its own, in an order that can be changed. */
export function ArrayWidget({ value, onChange, name, path, schema, disabled }: WidgetProps<JsonObject[]>) {
  const items = value ?? [];
  const title = titleOf(name, schema);
  const shape = schema.items ?? {};
  const replaced = (index: number, next: JsonObject) =>
    onChange(items.map((item, at) => (at === index ? next : item)));
  const moved = (from: number, to: number) => {
    const next = [...items];
    const [item] = next.splice(from, 1);
    if (item) next.splice(to, 0, item);
    onChange(next);
  };
  return (
    <fieldset className="flex min-w-0 flex-col gap-2" disabled={disabled}>
      <legend className="mb-1 font-medium text-sm">{title}</legend>
      {schema.description && <p className="-mt-1 text-muted text-xs">{schema.description}</p>}
      <WidgetError path={path} />
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the items have no ids, and their order is the user's
        <div key={index} className="flex gap-1 rounded-md border p-3">
          <Fields
            className="flex min-w-0 flex-1 flex-col gap-3"
            schema={shape}
            value={item}
            path={`${path}/${index}`}
            disabled={disabled}
            onChange={(next) => replaced(index, next)}
          />
          <span className="flex flex-col">
            <IconButton
              size="sm"
              label={t("Move {title} {index} up", { title, index: index + 1 })}
              icon={ArrowUp}
              disabled={index === 0}
              onClick={() => moved(index, index - 1)}
            />
            <IconButton
              size="sm"
              label={t("Move {title} {index} down", { title, index: index + 1 })}
              icon={ArrowDown}
              disabled={index === items.length - 1}
              onClick={() => moved(index, index + 1)}
            />
            <IconButton
              size="sm"
              label={t("Remove {title} {index}", { title, index: index + 1 })}
              icon={Trash2}
              onClick={() => onChange(items.filter((_, at) => at !== index))}
            />
          </span>
        </div>
      ))}
      <Button
        size="sm"
        icon={Plus}
        className="w-fit"
        onClick={() => onChange([...items, initial(shape) as JsonObject])}
      >
        {t("Add")}
      </Button>
    </fieldset>
  );
}

/** A nested object. */
export function ObjectWidget({
  value,
  onChange,
  name,
  path,
  schema,
  disabled,
}: WidgetProps<JsonObject | null>) {
  return (
    <fieldset className="min-w-0 rounded-md border p-3" disabled={disabled}>
      <legend className="px-1 font-medium text-sm">{titleOf(name, schema)}</legend>
      <Fields schema={schema} value={value ?? {}} path={path} disabled={disabled} onChange={onChange} />
    </fieldset>
  );
}

/** A list of words, one per line. */
export function StringsWidget({ value, onChange, disabled }: WidgetProps<string[]>) {
  const [text, setText] = useState<string | null>(null);
  return (
    <Textarea
      rows={2}
      disabled={disabled}
      placeholder={t("One per line")}
      value={text ?? (value ?? []).join("\n")}
      onChange={(event) => {
        setText(event.target.value);
        onChange(
          event.target.value
            .split("\n")
            .map((line) => line.trim())
            .filter(Boolean),
        );
      }}
      onBlur={() => setText(null)}
    />
  );
}

/** Any JSON as text; the value changes only while the text is JSON. */
export function JsonWidget({ value, onChange, nullable, disabled }: WidgetProps<unknown>) {
  const shown = value === undefined || (value === null && nullable) ? "" : JSON.stringify(value, null, 2);
  const [text, setText] = useState<string | null>(null);
  const [wrong, setWrong] = useState(false);
  return (
    <>
      <CodeEditor
        language="json"
        value={text ?? shown}
        readOnly={disabled}
        minHeight={72}
        onBlur={() => {
          if (!wrong) setText(null);
        }}
        onChange={(next) => {
          setText(next);
          if (next.trim() === "") {
            setWrong(false);
            onChange(nullable ? null : undefined);
            return;
          }
          try {
            onChange(JSON.parse(next));
            setWrong(false);
          } catch {
            setWrong(true);
          }
        }}
      />
      {wrong && (
        <p className="text-st-failed text-xs">{t("This is not JSON yet; the last good value is kept.")}</p>
      )}
    </>
  );
}

export function WidgetError({ path }: { path: string }) {
  const error = useFieldError(path);
  return error ? (
    <Field label={t("Error")} hideLabel error={error}>
      {null}
    </Field>
  ) : null;
}
