import { Plus, Trash2 } from "lucide-react";
import { useId, useMemo } from "react";
import type { JsonObject } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Button, IconButton, Input, Select } from "@/ui";
import { useFormSurroundings, useInsertPlace } from "../context";
import { everyPath, glimpse } from "../paths";
import { initial, titleOf, unwrapped } from "../schema";
import type { Schema, WidgetProps } from "../types";
import { WidgetError } from "./groups";

/** Value, comparison, value. */
export function RulesWidget(props: WidgetProps<JsonObject[]>) {
  return <Rows {...props} add={t("Add rule")} suggest="left" />;
}

function Rows({
  value,
  onChange,
  name,
  path,
  schema,
  disabled,
  add,
  suggest,
}: WidgetProps<JsonObject[]> & { add: string; suggest: string }) {
  const list = useId();
  const { scope } = useFormSurroundings();
  const sources = useMemo(() => (scope ? everyPath(scope) : []), [scope]);
  const rows = value ?? [];
  const columns = Object.entries(schema.items?.properties ?? {});
  const set = (index: number, column: string, next: unknown) =>
    onChange(rows.map((row, at) => (at === index ? { ...row, [column]: next } : row)));
  return (
    <fieldset className="flex min-w-0 flex-col gap-1.5" disabled={disabled}>
      <legend className="mb-1 font-medium text-sm">{titleOf(name, schema)}</legend>
      {schema.description && <p className="-mt-1 text-muted text-xs">{schema.description}</p>}
      <WidgetError path={path} />
      <datalist id={list}>
        {sources.map((source) => (
          <option key={source.path} value={source.path} label={glimpse(source.value)} />
        ))}
      </datalist>
      {rows.map((row, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows have no ids, and their order is the user's
        <div key={index} className="flex items-start gap-1.5">
          <div className="grid min-w-0 flex-1 grid-cols-2 gap-1.5">
            {columns.map(([column, shape]) => (
              <Cell
                key={column}
                label={t("{titleOf} of row {index}", { titleOf: titleOf(column, shape), index: index + 1 })}
                name={titleOf(column, shape)}
                schema={shape}
                value={row[column]}
                list={column === suggest ? list : undefined}
                onChange={(next) => set(index, column, next)}
              />
            ))}
            <WidgetError path={`${path}/${index}`} />
          </div>
          <IconButton
            label={t("Remove row {index}", { index: index + 1 })}
            icon={Trash2}
            onClick={() => onChange(rows.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <Button
        size="sm"
        icon={Plus}
        className="w-fit"
        onClick={() => onChange([...rows, initial(schema.items ?? {}) as JsonObject])}
      >
        {add}
      </Button>
    </fieldset>
  );
}

type CellProps = {
  label: string;
  name: string;
  schema: Schema;
  value: unknown;
  list?: string;
  onChange: (value: unknown) => void;
};

function Cell({ label, name, schema: outer, value, list, onChange }: CellProps) {
  const { schema, nullable } = unwrapped(outer);
  if (schema.enum) {
    const values = schema.enum.filter((option) => option !== null).map(String);
    const none = "any";
    return (
      <Select
        label={label}
        value={
          value === null || value === undefined
            ? schema.default
              ? String(schema.default)
              : nullable
                ? none
                : undefined
            : String(value)
        }
        options={[...(nullable ? [none] : []), ...values].map((option) => ({ value: option, label: option }))}
        placeholder={name}
        onChange={(next) => onChange(next === none && nullable ? null : next)}
      />
    );
  }
  const text =
    value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  return (
    <DropInput
      label={label}
      placeholder={name}
      list={list}
      value={text}
      onText={(next) => onChange(schema.type === "string" ? next : parsed(next, nullable))}
    />
  );
}

type DropInputProps = {
  label: string;
  placeholder: string;
  list?: string;
  value: string;
  onText: (text: string) => void;
};

/** One line of text; with a list of paths it takes a field of the data, too. */
function DropInput({ label, list, onText, ...rest }: DropInputProps) {
  const drop = useInsertPlace(label, onText, list === undefined);
  return (
    <span
      {...drop.props}
      className={cn("min-w-0 rounded-md", drop.over && "outline-2 outline-accent outline-dashed")}
    >
      <Input
        aria-label={label}
        list={list}
        className="font-mono text-xs"
        onChange={(event) => onText(event.target.value)}
        {...rest}
      />
    </span>
  );
}

/** A field of any type: JSON where it reads as such, else the text itself. */
function parsed(text: string, nullable: boolean): unknown {
  if (text === "") return nullable ? null : "";
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
