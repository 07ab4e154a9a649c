import { Wand2 } from "lucide-react";
import { useState } from "react";
import type { JsonObject } from "@/api/types";
import type { Schema } from "@/forms";
import { t } from "@/lib/text";
import { Button, CodeEditor, Dialog, Field } from "@/ui";
import { useFlowControl } from "./store";
import { useKeep } from "./use-keep";

type Props = {
  id: string;
  /** What is given now: fields can be made from it. */
  inputs: JsonObject | null;
  save: () => Promise<boolean>;
  onClose: () => void;
};

/** What inputs a run takes, as JSON Schema. Saved at once, as a revision of its own. */
export function InputFields({ id, inputs, save, onClose }: Props) {
  const control = useFlowControl();
  const keeping = useKeep(id, save);
  const [text, setText] = useState(() =>
    JSON.stringify(control.store.getState().base.inputSchema ?? { type: "object", properties: {} }, null, 2),
  );
  const [refused, setRefused] = useState<string>();
  const schema = schemaOf(text);

  const keep = async (inputSchema: JsonObject | null) => {
    const saved = await keeping.keep(({ inputSchema: _, ...definition }) => {
      return inputSchema === null ? definition : { ...definition, inputSchema };
    }, "The fields were not saved");
    if (!saved) return;
    const wrong = saved.problems.find((problem) => problem.field === "inputSchema");
    if (wrong) setRefused(wrong.detail);
    else onClose();
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Fields of the input")}
      description={t(
        "As JSON Schema. Runs are started with inputs that match, wherever they are started from.",
      )}
      footer={
        <>
          {control.store.getState().base.inputSchema && (
            <Button className="mr-auto" disabled={keeping.pending} onClick={() => void keep(null)}>
              {t("Take any input")}
            </Button>
          )}
          <Button onClick={onClose}>{t("Cancel")}</Button>
          <Button
            variant="primary"
            disabled={schema === null}
            pending={keeping.pending}
            onClick={() => schema && void keep(schema)}
          >
            {t("Save fields")}
          </Button>
        </>
      }
    >
      <Field
        label={t("Schema")}
        error={schema === null ? t("This is not a JSON object.") : refused}
        aside={
          inputs &&
          Object.keys(inputs).length > 0 && (
            <Button
              size="sm"
              variant="ghost"
              icon={Wand2}
              onClick={() => setText(JSON.stringify(likely(inputs), null, 2))}
            >
              {t("From the inputs given")}
            </Button>
          )
        }
      >
        <CodeEditor
          language="json"
          value={text}
          onChange={(value) => {
            setText(value);
            setRefused(undefined);
          }}
          minHeight={220}
          maxHeight={420}
        />
      </Field>
    </Dialog>
  );
}

/** A schema that `value` matches: the beginning of one. */
export function likely(value: unknown): Schema {
  if (Array.isArray(value)) return { type: "array", ...(value.length > 0 && { items: likely(value[0]) }) };
  if (value === null) return {};
  if (typeof value === "object") {
    const properties = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, likely(each)]));
    return { type: "object", properties, required: Object.keys(properties) };
  }
  if (typeof value === "number") return { type: Number.isInteger(value) ? "integer" : "number" };
  return { type: typeof value };
}

function schemaOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null;
  }
}
