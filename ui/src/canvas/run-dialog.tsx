import { Play } from "lucide-react";
import { useState } from "react";
import { problemOf } from "@/api/problem";
import { useStartRun } from "@/api/queries";
import type { JsonObject } from "@/api/types";
import { usePersistent } from "@/lib/persist";
import { Button, CodeEditor, Dialog, Field } from "@/ui";

type Props = {
  id: string;
  onClose: () => void;
  /** Saves what is drawn, if it is not saved. False: it could not. */
  save: () => Promise<boolean>;
  dirty: boolean;
  onStarted: (runId: string) => void;
};

/** The inputs of a run, then the run. The last inputs are offered again. */
export function RunDialog({ id, onClose, save, dirty, onStarted }: Props) {
  const [text, setText] = usePersistent(`inputs:${id}`, "{}");
  const [key] = useState(randomKey);
  const [saving, setSaving] = useState(false);
  const start = useStartRun();
  const inputs = objectOf(text);
  const run = async () => {
    if (inputs === null) return;
    setSaving(true);
    const saved = await save().finally(() => setSaving(false));
    if (saved) start.mutate({ orchestratorId: id, inputs, key }, { onSuccess: (made) => onStarted(made.id) });
  };
  const problem = start.error ? problemOf(start.error) : null;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Run"
      description="The inputs are read in templates as “input”."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            icon={Play}
            disabled={inputs === null}
            pending={saving || start.isPending}
            onClick={() => void run()}
          >
            {dirty ? "Save and run" : "Start run"}
          </Button>
        </>
      }
    >
      <Field label="Inputs" error={inputs === null ? "This is not a JSON object." : undefined}>
        <CodeEditor language="json" value={text} onChange={setText} minHeight={160} />
      </Field>
      {problem && (
        <div role="alert" className="mt-3 text-st-failed text-sm">
          <p>
            {problem.detail ?? problem.title} {problem.hint}
          </p>
          <ul className="list-disc pl-5">
            {problem.problems.map((each) => (
              <li key={each.detail}>{each.detail}</li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  );
}

function objectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text.trim() || "{}");
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null;
  }
}

/** Not `randomUUID`, which browsers have on https only. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
