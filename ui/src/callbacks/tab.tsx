import { useQuery } from "@tanstack/react-query";
import {
  ChevronRight,
  ClockPlus,
  FlaskConical,
  Hand,
  type LucideIcon,
  Redo2,
  ShieldCheck,
} from "lucide-react";
import { useId, useState } from "react";
import { runCallbacksQuery, runQuery, useMay } from "@/api/queries";
import type { Attempted, RunCallbacks, Stranger, WaitDetail } from "@/api/types";
import { MODES, type Mode } from "@/forms/webhook/modes";
import { cn } from "@/lib/cn";
import { rich, t } from "@/lib/text";
import { clock } from "@/lib/time";
import { Badge, Button, CopyButton, IconButton, Loaded, Timestamp, type Tone, Tooltip } from "@/ui";
import { CallbackBody } from "./body";
import { ExtendDialog, ReplayDialog, ResumeDialog } from "./dialogs";
import { type Look, lookOfAttempt, VERDICTS, VerdictBadge } from "./verdict";

type Doing = "test" | "hand" | "extend" | null;

const STATES: Record<WaitDetail["state"], { label: string; tone: Tone; meaning: string }> = {
  armed: {
    label: t("Valid"),
    tone: "queued",
    meaning: t("The run has not come to it yet; a callback that comes now is kept"),
  },
  parked: { label: t("Valid"), tone: "waiting", meaning: t("The run waits for it") },
  resumed: { label: t("Used"), tone: "done", meaning: t("It was called; the token is spent") },
  expired: {
    label: t("Expired"),
    tone: "timeout",
    meaning: t("Nobody called in time; the token is worth nothing"),
  },
  cancelled: {
    label: t("Closed"),
    tone: "cancelled",
    meaning: t("The run ended, or its branch was not taken; the token is worth nothing"),
  },
};

/** The waits of a run (or of one step): address, deadline, every attempt, and what a person can do. */
export function CallbacksTab({ runId, nodeId }: { runId: string; nodeId?: string }) {
  const query = useQuery({ ...runCallbacksQuery(runId), refetchInterval: 4000 });
  return (
    <Loaded query={query} compact title={t("The callbacks cannot be shown")}>
      {(found) => <Waits runId={runId} found={found} nodeId={nodeId} />}
    </Loaded>
  );
}

function Waits({ runId, found, nodeId }: { runId: string; found: RunCallbacks; nodeId?: string }) {
  const waits = found.items.filter((wait) => nodeId === undefined || wait.nodeId === nodeId);
  // A wrong token names no step: with one wait it is clear which was meant.
  const alone = waits.length === 1;
  if (!waits.length) {
    return (
      <p className="p-4 text-muted text-sm">
        {nodeId === undefined
          ? t("No step of this run waits for a callback.")
          : t("Its outcome was kept from the run before; nothing waits here.")}
      </p>
    );
  }
  return (
    <div className="flex flex-col divide-y divide-line overflow-y-auto">
      {waits.map((wait) => (
        <Wait key={wait.nodeId} runId={runId} wait={wait} strangers={alone ? found.unknown : []} />
      ))}
      {!alone && found.unknown.length > 0 && (
        <section className="p-4">
          <h3 className="mb-2 font-medium text-sm">{t("With a wrong token")}</h3>
          <Attempts
            runId={runId}
            label={t("Attempts with a wrong token")}
            attempts={[]}
            strangers={found.unknown}
          />
        </section>
      )}
      {found.leftOut > 0 && (
        <p className="px-4 py-2 text-muted text-xs">
          {t("{leftOut, plural, one {# older attempt is} other {# older attempts are}} not shown here.", {
            leftOut: found.leftOut,
          })}
        </p>
      )}
    </div>
  );
}

function Wait({
  runId,
  wait,
  strangers,
}: {
  runId: string;
  wait: WaitDetail;
  strangers: readonly Stranger[];
}) {
  const may = useMay("operator");
  const [doing, setDoing] = useState<Doing>(null);
  const title = useId();
  const open = wait.state === "armed" || wait.state === "parked";
  const state = STATES[wait.state];
  const close = () => setDoing(null);
  return (
    <section aria-labelledby={title} className="flex flex-col gap-3 p-4">
      <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
        <h3 id={title} className="font-semibold text-sm">
          {wait.label}
        </h3>
        <span title={state.meaning} className="inline-flex">
          <Badge tone={state.tone}>{t("Token: {label}", { label: state.label.toLowerCase() })}</Badge>
        </span>
        <span className="text-muted text-xs">
          {wait.state === "parked" && wait.until
            ? rich("Ends {when}", { when: <Timestamp at={wait.until} ahead /> })
            : `${state.meaning}.`}
        </span>
      </div>
      {wait.callbackUrl && <Address url={wait.callbackUrl} />}
      <p className="flex items-center gap-1.5 text-muted text-xs">
        <ShieldCheck aria-hidden className={cn("size-3.5 shrink-0", wait.auth && "text-st-done")} />
        {proofOf(wait.auth)}
      </p>
      {open && may && (
        <div className="flex flex-wrap gap-2">
          <Act icon={Hand} onClick={() => setDoing("hand")}>
            {t("Resume by hand …")}
          </Act>
          <Act icon={FlaskConical} onClick={() => setDoing("test")}>
            {t("Send test …")}
          </Act>
          {wait.state === "parked" && (
            <Act icon={ClockPlus} onClick={() => setDoing("extend")}>
              {t("Extend …")}
            </Act>
          )}
        </div>
      )}
      <Attempts
        runId={runId}
        label={t("Attempts on {label}", { label: wait.label })}
        attempts={wait.received}
        strangers={strangers}
      />
      {wait.refused > listed(wait) && (
        <p className="text-muted text-xs">
          {t(
            "{refused, plural, one {# call was} other {# calls were}} refused in all; not every one is listed.",
            { refused: wait.refused },
          )}
        </p>
      )}
      {(doing === "hand" || doing === "test") && (
        <ResumeDialog runId={runId} wait={wait} test={doing === "test"} onClose={close} />
      )}
      {doing === "extend" && <ExtendDialog runId={runId} wait={wait} onClose={close} />}
    </section>
  );
}

function listed(wait: WaitDetail): number {
  return wait.received.filter(({ verdict }) => verdict === "refused").length;
}

/** What a caller has to prove, in one sentence. */
function proofOf(auth: WaitDetail["auth"]): string {
  if (!auth) return t("The token in the address is all that a caller needs.");
  if (auth.mode === "token")
    return t("A caller needs the token, and comes from the networks that the step names.");
  const how = MODES[auth.mode as Mode]?.label.toLowerCase() ?? t("proof that the step does not name");
  const secret = auth.secretName
    ? t("made with “{secretName}”", { secretName: auth.secretName })
    : t("whose secret is gone");
  return t("A caller needs the token and {how}, {secret}.", { how, secret });
}

function Act({ icon, onClick, children }: { icon: LucideIcon; onClick: () => void; children: string }) {
  return (
    <Button size="sm" icon={icon} onClick={onClick}>
      {children}
    </Button>
  );
}

/** The address with its token masked; the button copies all of it. */
function Address({ url }: { url: string }) {
  const [place = "", token = ""] = url.split("?token=");
  const short = place.replace(/^.*(\/callback\/[^/]{8})[^/]*$/, "…$1…");
  return (
    <div className="flex min-w-0 items-center gap-1 rounded-md border bg-sunken py-0.5 pr-0.5 pl-2.5">
      <Tooltip
        content={t("The token is masked; Copy gives the whole address. Whoever has it can resume the run.")}
      >
        <code className="min-w-0 flex-1 truncate font-mono text-xs">
          POST {short}?token={token.slice(0, 3)}••••••••
        </code>
      </Tooltip>
      <CopyButton text={url} label={t("Copy callback address")} />
    </div>
  );
}

type Row = {
  key: string;
  at: string;
  from: string;
  look: Look;
  attempt: Attempted | null;
};

function Attempts({
  runId,
  label,
  attempts,
  strangers,
}: {
  runId: string;
  label: string;
  attempts: readonly Attempted[];
  strangers: readonly Stranger[];
}) {
  const [open, setOpen] = useState<string | null>(null);
  const may = useMay("operator");
  const rows: Row[] = [
    ...attempts.map((attempt) => ({
      key: `a${attempt.id}`,
      at: attempt.receivedAt,
      from: attempt.by ?? attempt.sender ?? "not known",
      look: lookOfAttempt(attempt),
      attempt,
    })),
    ...strangers.map((stranger) => ({
      key: `s${stranger.id}`,
      at: stranger.receivedAt,
      from: stranger.sender ?? "not known",
      look: VERDICTS.unknown,
      attempt: null,
    })),
  ].sort((a, b) => a.at.localeCompare(b.at));
  if (!rows.length) return <p className="text-muted text-sm">{t("Nobody has called yet.")}</p>;
  return (
    <table aria-label={label} className="w-full table-fixed text-left text-xs">
      <thead className="text-muted">
        <tr className="border-b">
          <th className="w-20 py-1.5 font-normal">{t("Time")}</th>
          <th className="w-28 py-1.5 font-normal">{t("From")}</th>
          <th className="py-1.5 font-normal">{t("What became of it")}</th>
          <th className="w-8">
            <span className="sr-only">{t("Body")}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <AttemptRow
            key={row.key}
            row={row}
            runId={runId}
            open={open === row.key}
            may={may}
            onOpen={() => setOpen(open === row.key ? null : row.key)}
          />
        ))}
      </tbody>
    </table>
  );
}

function AttemptRow({
  row,
  runId,
  open,
  may,
  onOpen,
}: {
  row: Row;
  runId: string;
  open: boolean;
  may: boolean;
  onOpen: () => void;
}) {
  const { attempt } = row;
  const [again, setAgain] = useState(false);
  const run = useQuery(runQuery(runId));
  const size = attempt?.size ?? null;
  return (
    <>
      <tr className="border-line border-b align-top">
        <td className="py-2">
          <time dateTime={row.at} className="tabular">
            {clock(row.at)}
          </time>
        </td>
        <td className="truncate py-2 pr-2" title={row.from}>
          {row.from}
        </td>
        <td className="py-2">
          <VerdictBadge look={row.look} />
          <p className="mt-0.5 text-muted">
            {row.look.meaning}.{attempt?.reason && ` “${attempt.reason}”`}
          </p>
        </td>
        <td className="py-1 text-right">
          {attempt && may && (
            <IconButton
              size="sm"
              icon={ChevronRight}
              label={open ? t("Hide body") : t("Show body")}
              aria-expanded={open}
              className={cn("transition-transform", open && "rotate-90")}
              onClick={onOpen}
            />
          )}
        </td>
      </tr>
      {open && attempt && (
        <tr className="border-line border-b">
          <td colSpan={4} className="py-2">
            <div className="max-h-60 overflow-auto rounded-md bg-sunken p-2">
              <CallbackBody id={attempt.id} size={size} />
            </div>
            {size !== null && run.data && (
              <Button size="sm" icon={Redo2} className="mt-2" onClick={() => setAgain(true)}>
                {t("Replay …")}
              </Button>
            )}
            {again && run.data && (
              <ReplayDialog
                id={attempt.id}
                runId={runId}
                orchestratorId={run.data.orchestratorId}
                onClose={() => setAgain(false)}
              />
            )}
          </td>
        </tr>
      )}
    </>
  );
}
