import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { t } from "@/lib/text";
import { Button, IconButton, Input } from "@/ui";
import { useInsertPlace } from "../context";
import { Preview } from "../preview";
import { titleOf } from "../schema";
import type { WidgetProps } from "../types";
import { WidgetError } from "./groups";

type Row = [name: string, value: string];

/** Name and value pairs. A row without a name, or with one used above, is not part of the value yet. */
export function HeadersWidget({
  value,
  onChange,
  name,
  path,
  schema,
  disabled,
}: WidgetProps<Record<string, string>>) {
  const [rows, setRows] = useState<Row[]>(() => Object.entries(value ?? {}));
  const current = JSON.stringify(Object.fromEntries(rows.filter(([key]) => key)));
  const shown =
    current === JSON.stringify(value ?? {}) || rows.some(([key]) => !key)
      ? rows
      : Object.entries(value ?? {});
  const set = (next: Row[]) => {
    setRows(next);
    onChange(Object.fromEntries(next.filter(([key]) => key)));
  };
  return (
    <fieldset className="flex min-w-0 flex-col gap-1.5" disabled={disabled}>
      <legend className="mb-1 font-medium text-sm">{titleOf(name, schema)}</legend>
      {schema.description && <p className="-mt-1 text-muted text-xs">{schema.description}</p>}
      <WidgetError path={path} />
      {shown.map(([key, text], index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: names change while they are typed
        <div key={index} className="flex flex-wrap items-start gap-1.5">
          <Input
            aria-label={t("Name of header {index}", { index: index + 1 })}
            placeholder={t("Name")}
            className="w-auto min-w-24 flex-2"
            value={key}
            onChange={(event) =>
              set(shown.map((row, at) => (at === index ? [event.target.value, row[1]] : row)))
            }
          />
          <HeaderValue
            label={t("Value of header {index}", { index: index + 1 })}
            place={t("Header {key}", { key: key || index + 1 })}
            value={text}
            disabled={disabled}
            onChange={(next) => set(shown.map((row, at) => (at === index ? [row[0], next] : row)))}
          />
          <IconButton
            label={t("Remove header {index}", { index: index + 1 })}
            icon={Trash2}
            onClick={() => set(shown.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <Button size="sm" icon={Plus} className="w-fit" onClick={() => setRows([...shown, ["", ""]])}>
        {t("Add header")}
      </Button>
    </fieldset>
  );
}

type ValueProps = {
  label: string;
  place: string;
  value: string;
  disabled: boolean;
  onChange: (value: string) => void;
};

/** May hold templates; a field of the data that is dropped on it is put at its end. */
function HeaderValue({ label, place, value, disabled, onChange }: ValueProps) {
  const drop = useInsertPlace(place, (path) => onChange(`${value}{{ ${path} }}`), disabled);
  return (
    <span {...drop.props} className="flex min-w-28 flex-3 flex-col gap-1">
      <Input
        aria-label={label}
        placeholder={t("Value")}
        value={value}
        className={drop.over ? "outline-2 outline-accent outline-dashed" : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      <Preview text={value} />
    </span>
  );
}
