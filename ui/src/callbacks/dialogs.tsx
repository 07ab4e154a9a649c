import { useInfiniteQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { problemOf, toastProblem } from "@/api/problem";
import { runsQuery, useExtendWait, useReplayCallback, useResumeByHand, useTestWait } from "@/api/queries";
import type { WaitDetail } from "@/api/types";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Button, CodeEditor, Dialog, Field, Input, Select, Timestamp } from "@/ui";
import { parsed, sampleOf } from "./sample";

type ResumeProps = { runId: string; wait: WaitDetail; test: boolean; onClose: () => void };

/** Gives a wait its body by hand. `test`: as its sender would, signed, with a body of the shape that the step expects. Mount it to
 * open it. */
export function ResumeDialog({ runId, wait, test, onClose }: ResumeProps) {
  const byHand = useResumeByHand();
  const asSender = useTestWait();
  const resume = test ? asSender : byHand;
  const [text, setText] = useState(() => JSON.stringify(sampleOf(wait.bodySchema), null, 2));
  const [reason, setReason] = useState(test ? "Test" : "");
  const [missing, setMissing] = useState(false);
  const body = parsed(text);
  const problem = resume.error ? problemOf(resume.error) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setMissing(!reason.trim());
    if (body === undefined || !reason.trim()) return;
    resume.mutate(
      { runId, nodeId: wait.nodeId, body, reason: reason.trim() },
      {
        onSuccess: () => {
          toast.success(t("“{label}” has its body", { label: wait.label }));
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={
        test
          ? t("Send “{label}” a test", { label: wait.label })
          : t("Resume “{label}” by hand", { label: wait.label })
      }
      description={t(
        "{what}It counts as the callback: the run goes on with this body, and one that comes later is a duplicate.",
        { what: test && wait.auth ? t("It is signed as the sender would. ") : "" },
      )}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button variant="primary" type="submit" form="resume" pending={resume.isPending}>
            {test ? t("Send test") : t("Resume the run")}
          </Button>
        </>
      }
    >
      <form id="resume" onSubmit={submit} className="flex flex-col gap-4">
        <Field
          label={t("Body")}
          hint={
            wait.bodySchema
              ? t("The step checks it against its schema.")
              : t("Any JSON; the step's output is this.")
          }
          error={
            body === undefined
              ? t("This is not JSON.")
              : (problem?.errors.length && bodyErrors(problem.errors)) || null
          }
        >
          <CodeEditor language="json" minHeight={120} maxHeight={280} value={text} onChange={setText} />
        </Field>
        <Field
          label={t("Reason")}
          required
          hint={t("Stands in the run's history, with your name.")}
          error={missing && !reason.trim() ? t("Say why; whoever reads the history wants to know.") : null}
        >
          <Input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
        </Field>
        {problem && !problem.errors.length && (
          <p role="alert" className="text-sm text-st-failed">
            {problem.detail} {problem.hint}
          </p>
        )}
      </form>
    </Dialog>
  );
}

type ReplayProps = { id: number; runId: string; orchestratorId: string; onClose: () => void };

/** Gives a received body once more, to its own run or to another that waits. Mount it to open it. */
export function ReplayDialog({ id, runId, orchestratorId, onClose }: ReplayProps) {
  const replay = useReplayCallback();
  const open = useInfiniteQuery(runsQuery({ orchestratorId, status: ["WAITING", "RUNNING"] }));
  const [to, setTo] = useState(runId);
  const [reason, setReason] = useState("");
  const others = (open.data?.pages.flatMap((page) => page.items) ?? []).filter((run) => run.id !== runId);
  const problem = replay.error ? problemOf(replay.error) : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    replay.mutate(
      { id, runId, to: to === runId ? undefined : to, reason: reason.trim() },
      {
        onSuccess: () => {
          toast.success(t("The body was sent again and accepted"));
          onClose();
        },
      },
    );
  };
  return (
    <Dialog
      open
      onOpenChange={(shown) => !shown && onClose()}
      size="sm"
      title={t("Send this body again")}
      description={t("To the same step; it counts as that run's callback.")}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button variant="primary" type="submit" form="replay" pending={replay.isPending}>
            {t("Send again")}
          </Button>
        </>
      }
    >
      <form id="replay" onSubmit={submit} className="flex flex-col gap-4">
        <Field label={t("To")} hint={t("Runs of the same orchestrator that are under way.")}>
          <Select
            value={to}
            onChange={(next) => {
              setTo(next);
              replay.reset();
            }}
            options={[
              { value: runId, label: t("The run it was sent to") },
              ...others.map((run) => ({ value: run.id, label: t("Run #{number}", { number: run.number }) })),
            ]}
          />
        </Field>
        <Field label={t("Reason")} hint={t("Stands in the run's history, with your name.")}>
          <Input value={reason} maxLength={500} onChange={(event) => setReason(event.target.value)} />
        </Field>
        {problem && (
          <p role="alert" className="text-sm text-st-failed">
            {problem.detail} {problem.errors.length > 0 && bodyErrors(problem.errors)} {problem.hint}
          </p>
        )}
      </form>
    </Dialog>
  );
}

const SPANS = [
  { value: "900", label: t("15 minutes") },
  { value: "3600", label: t("1 hour") },
  { value: "28800", label: t("8 hours") },
  { value: "86400", label: t("1 day") },
  { value: "604800", label: t("7 days") },
  { value: "2592000", label: t("30 days") },
];

/** Moves the deadline of a wait that is going on. Mount it to open it. */
export function ExtendDialog({
  runId,
  wait,
  onClose,
}: {
  runId: string;
  wait: WaitDetail;
  onClose: () => void;
}) {
  const extend = useExtendWait();
  const [seconds, setSeconds] = useState("3600");
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title={t("Give “{label}” more time", { label: wait.label })}
      footer={
        <>
          <Button onClick={onClose}>{t("Close")}</Button>
          <Button
            variant="primary"
            pending={extend.isPending}
            onClick={() =>
              extend.mutate(
                { runId, nodeId: wait.nodeId, seconds: Number(seconds) },
                {
                  onSuccess: onClose,
                  onError: (error) => toastProblem(error, t("The wait was not extended")),
                },
              )
            }
          >
            {t("Extend the wait")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <p className="text-muted text-sm">
          {rich("It ends {when}.", { when: <Timestamp at={wait.until} ahead /> })}
        </p>
        <Field label={t("Longer by")}>
          <Select value={seconds} onChange={setSeconds} options={SPANS} />
        </Field>
      </div>
    </Dialog>
  );
}

function bodyErrors(errors: ReadonlyArray<{ pointer: string; detail: string }>): string {
  return errors
    .map(({ pointer, detail }) => `${pointer.replace(/^\/body/, "") || t("The body")}: ${detail}`)
    .join("; ");
}
