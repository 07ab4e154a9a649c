import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Phone, Pin, Play, RotateCw, ScrollText, Undo2, X } from "lucide-react";
import { useMemo, useState } from "react";
import { toastProblem } from "@/api/problem";
import { orchestratorQuery, retryPlanQuery, useRetryRun } from "@/api/queries";
import type { JsonObject, Plan, PlanStep, RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { randomKey } from "@/lib/random";
import { t } from "@/lib/text";
import {
  Badge,
  Button,
  Checkbox,
  CodeEditor,
  Dialog,
  Field,
  Loaded,
  ProviderChip,
  RevisionChoice,
  Select,
} from "@/ui";

type Props = { run: RunDetail; chosen: string | null; onClose: () => void };

/** Repeats a run as a new one, and says before which steps will call out again. Mount it to open it. */
export function RerunDialog({ run, chosen, onClose }: Props) {
  const navigate = useNavigate();
  const retry = useRetryRun();
  const failed = hasFailed(run);
  const [from, setFrom] = useState(failed ? "failed" : (chosen ?? "start"));
  const [revision, setRevision] = useState<"same" | "latest">("same");
  const [recorded, setRecorded] = useState(false);
  const [edit, setEdit] = useState(false);
  const [text, setText] = useState(() => JSON.stringify(run.inputs, null, 2));
  const [agreed, setAgreed] = useState("");
  const latest = useQuery(orchestratorQuery(run.orchestratorId));
  const plan = useQuery(retryPlanQuery(run.id, { from, revision, recorded }));
  const inputs = edit ? objectOf(text) : null;
  const asked = JSON.stringify([from, revision, inputs, recorded]);
  // A second click sends the same key and starts nothing; a changed form is a new wish.
  const key = useMemo(() => `${asked.length}-${randomKey()}`, [asked]);
  const unsafe = (plan.data?.steps ?? []).filter(isUnsafe);
  // What was agreed to is these steps; others need to be agreed to anew.
  const which = unsafe.map((step) => step.nodeId).join("\n");
  const understood = unsafe.length === 0 || agreed === which;
  const blocked = plan.data?.problems.some((each) => each.severity === "error") ?? false;
  const ready = plan.data !== undefined && !plan.isPlaceholderData && !plan.error;

  const steps = run.nodes.map((node) => ({
    value: node.id,
    label: t("Step: {label}", { label: node.label || node.id }),
  }));
  const start = () =>
    retry.mutate(
      { id: run.id, from, revision, inputs, recorded, key },
      {
        onSuccess: (made) => void navigate({ to: "/runs/$runId", params: { runId: made.id } }),
        onError: (error) => toastProblem(error, t("The run was not started again")),
      },
    );
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title={t("Re-run #{number}", { number: run.number })}
      description={t("Starts a new run. This one stays as it is.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button
            variant="primary"
            icon={RotateCw}
            pending={retry.isPending}
            disabled={inputs === undefined || !understood || !ready || blocked}
            onClick={start}
          >
            {recorded ? t("Start recorded re-run") : t("Start re-run")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-2">
          <Field label={t("From")}>
            <Select
              value={from}
              onChange={setFrom}
              options={[
                { value: "start", label: t("The start") },
                { value: "failed", label: t("What failed"), disabled: !failed },
                ...steps,
              ]}
            />
          </Field>
          <RevisionChoice
            value={revision}
            onChange={setRevision}
            same={run.revision}
            latest={latest.data?.revision}
          />
        </div>
        <div className="flex flex-col gap-1">
          <Checkbox
            label={t("Recorded mode: call nobody")}
            checked={recorded}
            onCheckedChange={(checked) => setRecorded(checked === true)}
          />
          <p className="pl-6 text-muted text-xs">
            {t(
              "Calls, other runs and callbacks give what run {number} recorded of them. Everything else really runs.",
              { number: run.number },
            )}
          </p>
        </div>
        <Checkbox
          label={t("Change the inputs")}
          checked={edit}
          onCheckedChange={(checked) => setEdit(checked === true)}
        />
        {edit && (
          <Field
            label={t("Inputs")}
            error={inputs === undefined ? t("This is not a JSON object.") : undefined}
          >
            <CodeEditor language="json" value={text} onChange={setText} minHeight={96} maxHeight={220} />
          </Field>
        )}
        <Loaded query={plan} compact title={t("What a re-run would do cannot be told")}>
          {(found) => <Steps plan={found} recorded={recorded} stale={plan.isPlaceholderData} />}
        </Loaded>
        {unsafe.length > 0 && ready && (
          <Checkbox
            label={t("I understand: {unsafe} will be called again, and nothing says that this is harmless.", {
              unsafe: unsafe.map((step) => step.label).join(", "),
            })}
            checked={understood}
            onCheckedChange={(checked) => setAgreed(checked === true ? which : "")}
          />
        )}
      </div>
    </Dialog>
  );
}

const ICONS = {
  pinned: Pin,
  reuse: Undo2,
  run: Play,
  call: Phone,
  recorded: ScrollText,
  skip: X,
  missing: X,
} as const;

function Steps({ plan, recorded, stale }: { plan: Plan; recorded: boolean; stale: boolean }) {
  return (
    <div className={cn("flex flex-col gap-2", stale && "opacity-60")}>
      <p className="text-sm">{plan.summary}</p>
      {plan.problems.map((each) => (
        <p
          key={`${each.nodeId} ${each.field} ${each.code}`}
          className={each.severity === "error" ? "text-sm text-st-failed" : "text-sm text-st-warning"}
        >
          {each.detail}
        </p>
      ))}
      <ol aria-label={t("What each step will do")} className="divide-y rounded-lg border bg-surface">
        {plan.steps.map((step) => {
          const Icon = ICONS[step.action];
          return (
            <li key={step.nodeId} className="flex items-start gap-2.5 px-3 py-1.5 text-sm">
              <Icon aria-hidden className="mt-1 size-3.5 shrink-0 text-muted" />
              <span className="w-44 shrink-0 truncate font-medium max-sm:w-28">{step.label}</span>
              <span className="min-w-0 flex-1 break-words text-muted">{step.detail}</span>
              {step.provider && step.provider !== "webhook" && <ProviderChip provider={step.provider} />}
              <Word step={step} recorded={recorded} />
            </li>
          );
        })}
      </ol>
    </div>
  );
}

function Word({ step, recorded }: { step: PlanStep; recorded: boolean }) {
  if (step.action === "reuse") return <Badge tone="done">{t("reuse")}</Badge>;
  if (step.action === "skip") return <Badge tone="skipped">{t("skip")}</Badge>;
  if (step.action === "recorded") return <Badge tone="done">{t("recorded")}</Badge>;
  if (step.action === "missing")
    return recorded ? (
      <Badge tone="warning">{t("nothing recorded")}</Badge>
    ) : (
      <Badge tone="failed">{t("missing")}</Badge>
    );
  if (step.action !== "call") return <Badge>{t("run again")}</Badge>;
  if (isUnsafe(step)) return <Badge tone="warning">{t("call again, unsafe")}</Badge>;
  return (
    <Badge>
      {t("call again")}
      {step.effect === "idempotent" && t(", idempotent")}
    </Badge>
  );
}

function isUnsafe(step: PlanStep): boolean {
  return step.action === "call" && step.effect === "unsafe";
}

/** Whether "failed" finds something to begin with. */
function hasFailed(run: RunDetail): boolean {
  return run.nodes.some((node) => ["FAILED", "TIMED_OUT", "CANCELLED"].includes(node.status));
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
