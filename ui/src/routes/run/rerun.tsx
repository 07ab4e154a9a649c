import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useMemo, useState } from "react";
import { toastProblem } from "@/api/problem";
import { orchestratorQuery, revisionQuery, useRetryRun } from "@/api/queries";
import type { JsonObject, RunDetail } from "@/api/types";
import { plural } from "@/lib/time";
import { Badge, Button, Checkbox, CodeEditor, Dialog, Field, Loaded, Segmented, Select } from "@/ui";
import { hasFailed, type Planned, plan } from "./plan";

type Props = { run: RunDetail; chosen: string | null; onClose: () => void };

/** Repeats a run as a new one, and says before which steps will call out again. Mount it to open it. */
export function RerunDialog({ run, chosen, onClose }: Props) {
  const navigate = useNavigate();
  const retry = useRetryRun();
  const failed = hasFailed(run);
  const [from, setFrom] = useState(failed ? "failed" : (chosen ?? "start"));
  const [revision, setRevision] = useState<"same" | "latest">("same");
  const [edit, setEdit] = useState(false);
  const [text, setText] = useState(() => JSON.stringify(run.inputs, null, 2));
  const same = useQuery(revisionQuery(run.orchestratorId, run.revision));
  const latest = useQuery(orchestratorQuery(run.orchestratorId));
  const inputs = edit ? objectOf(text) : null;
  const asked = JSON.stringify([from, revision, inputs]);
  // A second click sends the same key and starts nothing; a changed form is a new wish.
  const key = useMemo(() => `${asked.length}-${random()}`, [asked]);

  const steps = run.nodes.map((node) => ({ value: node.id, label: `Step: ${node.label || node.id}` }));
  const start = () =>
    retry.mutate(
      { id: run.id, from, revision, inputs, key },
      {
        onSuccess: (made) => void navigate({ to: "/runs/$runId", params: { runId: made.id } }),
        onError: (error) => toastProblem(error, "The run was not started again"),
      },
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title={`Re-run #${run.number}`}
      description="Starts a new run. This one stays as it is."
      footer={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            variant="primary"
            icon={RotateCw}
            pending={retry.isPending}
            disabled={inputs === undefined}
            onClick={start}
          >
            Start re-run
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label="From">
            <Select
              value={from}
              onChange={setFrom}
              options={[
                { value: "start", label: "The start" },
                { value: "failed", label: "What failed", disabled: !failed },
                ...steps,
              ]}
            />
          </Field>
          <div className="flex flex-col gap-1">
            <span className="font-medium text-sm">Revision</span>
            <Segmented
              label="Revision"
              value={revision}
              onChange={setRevision}
              options={[
                { value: "same", label: `Same, ${run.revision}` },
                { value: "latest", label: latest.data ? `Latest, ${latest.data.revision}` : "Latest" },
              ]}
            />
          </div>
        </div>
        <Checkbox
          label="Change the inputs"
          checked={edit}
          onCheckedChange={(checked) => setEdit(checked === true)}
        />
        {edit && (
          <Field label="Inputs" error={inputs === undefined ? "This is not a JSON object." : undefined}>
            <CodeEditor language="json" value={text} onChange={setText} minHeight={96} maxHeight={220} />
          </Field>
        )}
        <Loaded query={revision === "same" ? same : latest} title="The definition cannot be read">
          {({ definition }) => <Effects planned={plan(definition, run, from)} />}
        </Loaded>
      </div>
    </Dialog>
  );
}

function Effects({ planned }: { planned: Planned[] | null }) {
  if (planned === null) return <p className="text-st-failed text-sm">That revision has no such step.</p>;
  const again = planned.filter((step) => !step.kept);
  const calls = again.filter((step) => step.call !== null);
  const local = again.filter((step) => step.call === null);
  const kept = planned.filter((step) => step.kept);
  return (
    <div className="flex flex-col gap-3 rounded-lg border bg-surface p-4 text-sm">
      <section>
        <h3 className="mb-1 font-semibold">
          {calls.length
            ? `${plural(calls.length, "step")} will act outside of Baton`
            : "Nothing will be called outside of Baton"}
        </h3>
        <ul aria-label="Calls that will be made" className="flex flex-col gap-1">
          {calls.map((step) => (
            <li key={step.id} className="flex flex-wrap items-center gap-x-1.5">
              <span className="font-medium">{step.label}</span>
              <span className="min-w-0 break-words text-muted">
                {step.call}
                {step.maybe && ", if its branch is taken"}
              </span>
              {step.unsafe && <Badge tone="warning">not marked safe to repeat</Badge>}
            </li>
          ))}
        </ul>
      </section>
      {local.length > 0 && (
        <p>
          <span className="font-semibold">Runs again inside:</span>{" "}
          <span className="text-muted">{local.map((step) => step.label).join(", ")}</span>
        </p>
      )}
      <p>
        <span className="font-semibold">Kept from this run:</span>{" "}
        <span className="text-muted">
          {kept.length ? kept.map((step) => step.label).join(", ") : "nothing"}
        </span>
      </p>
    </div>
  );
}

/** The text as a JSON object; undefined when it is none. */
function objectOf(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Also where `crypto.randomUUID` is not: on plain http. */
function random(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
