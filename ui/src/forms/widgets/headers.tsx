import { Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Button, IconButton, Input } from "@/ui";
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
        <div key={index} className="flex gap-1.5">
          <Input
            aria-label={`Name of header ${index + 1}`}
            placeholder="Name"
            className="basis-2/5"
            value={key}
            onChange={(event) =>
              set(shown.map((row, at) => (at === index ? [event.target.value, row[1]] : row)))
            }
          />
          <Input
            aria-label={`Value of header ${index + 1}`}
            placeholder="Value"
            value={text}
            onChange={(event) =>
              set(shown.map((row, at) => (at === index ? [row[0], event.target.value] : row)))
            }
          />
          <IconButton
            label={`Remove header ${index + 1}`}
            icon={Trash2}
            onClick={() => set(shown.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <Button size="sm" icon={Plus} className="w-fit" onClick={() => setRows([...shown, ["", ""]])}>
        Add header
      </Button>
    </fieldset>
  );
}
