import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Hourglass, OctagonX } from "lucide-react";
import { type ReactNode, useState } from "react";
import { providersQuery, runErrorsQuery, runQuery, useMay } from "@/api/queries";
import type { LogLine, NodeRun, RunDetail } from "@/api/types";
import { t } from "@/lib/text";
import { absolute, count } from "@/lib/time";
import { taskOf } from "@/log";
import { Revealable } from "@/redaction";
import { Badge, Button, CopyButton, Elapsed, StatusIcon, Timestamp } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import { FailureText } from "./attempts";
import { useRepeats } from "./last-good";

/** Where the run comes from, when, and with which labels. */
export function Facts({ run }: { run: RunDetail }) {
  const labels = Object.entries(run.labels);
  const mayAudit = useMay("admin");
  return (
    <dl className="flex flex-wrap items-center gap-x-5 gap-y-1 text-sm">
      <Fact name={t("Orchestrator")}>
        <Link
          to="/orchestrators/$id"
          params={{ id: run.orchestratorId }}
          search={{ run: run.id }}
          className="text-accent-text hover:underline"
        >
          {run.orchestratorName}
        </Link>
      </Fact>
      <Fact name={t("Revision")}>{run.revision}</Fact>
      <Fact name={t("Started")}>
        <Timestamp at={run.startedAt ?? run.createdDate} />
      </Fact>
      <Fact name={t("Took")}>
        <Elapsed from={run.startedAt} to={run.finishedAt} />
      </Fact>
      <Fact name={t("Trigger")}>
        {TRIGGERS[run.trigger.kind]}, {run.trigger.by}
      </Fact>
      {run.retryOf && <Repeats id={run.retryOf} />}
      <RepeatedAs run={run} />
      {run.parentRunId && (
        <Fact name={t("Part of")}>
          <RunLink id={run.parentRunId}>{t("another run")}</RunLink>
        </Fact>
      )}
      {mayAudit && (
        <Fact name={t("Acts")}>
          <Link
            to="/settings"
            search={{ section: "audit", object: run.id }}
            className="text-accent-text hover:underline"
          >
            {t("Audit log")}
          </Link>
        </Fact>
      )}
      <Fact name={t("Correlation id")}>
        <span
          className="inline-flex items-center gap-0.5"
          title={t("What X-Baton-Key begins with, in every call of this run")}
        >
          <code className="font-mono text-xs">{run.id}</code>
          <CopyButton text={run.id} label={t("Copy correlation id")} />
        </span>
      </Fact>
      {labels.length > 0 && (
        <Fact name={t("Labels")}>
          <span className="flex flex-wrap gap-1">
            {labels.map(([key, value]) => (
              <Badge key={key}>
                {key}:{value}
              </Badge>
            ))}
          </span>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex items-baseline gap-1.5">
      <dt className="text-muted text-xs">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Repeats({ id }: { id: string }) {
  const { data } = useQuery(runQuery(id));
  return (
    <Fact name={t("Repeats")}>
      <RunLink id={id}>{data ? `#${data.number}` : t("the run before")}</RunLink>
    </Fact>
  );
}

/** The runs that repeated this one, with how they went. */
function RepeatedAs({ run }: { run: RunDetail }) {
  const repeats = useRepeats(run);
  if (!repeats.length) return null;
  return (
    <Fact name={t("Re-run as")}>
      <span className="inline-flex flex-wrap gap-x-2">
        {repeats.slice(0, 5).map((each) => (
          <span key={each.id} className="inline-flex items-center gap-1">
            <RunLink id={each.id}>#{each.number}</RunLink>
            <StatusIcon status={each.status} className="size-3.5" />
          </span>
        ))}
      </span>
    </Fact>
  );
}

function RunLink({ id, children }: { id: string; children: ReactNode }) {
  return (
    <Link to="/runs/$runId" params={{ runId: id }} className="text-accent-text hover:underline">
      {children}
    </Link>
  );
}

type CauseProps = { run: RunDetail; lines: readonly LogLine[]; onGo: (nodeId: string) => void };

/** Why the run is not green, in one line: the step, where on the platform, what it said, and how often of late. */
export function CauseLine({ run, lines, onGo }: CauseProps) {
  if (!run.error) return null;
  const { nodeId } = run.error;
  const place = run.nodes.findIndex((each) => each.id === nodeId);
  const node = run.nodes[place];
  return (
    <section
      aria-label={t("Failure")}
      className="flex flex-wrap items-start gap-x-3 gap-y-1.5 rounded-lg border border-st-failed/40 bg-surface px-4 py-2"
    >
      <OctagonX aria-hidden className="mt-0.5 size-4 shrink-0 text-st-failed" />
      <div className="min-w-60 flex-1 text-sm">
        {node && (
          <p>
            <span className="font-semibold">
              {t("Failed at step {place} {label}", { place: place + 1, label: node.label || node.id })}
            </span>{" "}
            <Whereabouts node={node} lines={lines} />
          </p>
        )}
        <Revealable place={{ runId: run.id, part: "error", whole: true }}>
          <FailureText failure={run.error} />
        </Revealable>
      </div>
      <span className="flex items-center gap-2">
        <Often run={run} />
        {node && (
          <Button size="sm" onClick={() => onGo(node.id)}>
            {t("Open step")}
          </Button>
        )}
      </span>
    </section>
  );
}

/** "(Airflow · orders_daily · task load, try 3)": the last error of the step's own log says which task. */
function Whereabouts({ node, lines }: { node: NodeRun; lines: readonly LogLine[] }) {
  const { data: providers } = useQuery(providersQuery);
  const { remote } = node;
  if (!remote || remote.provider === "webhook") return null;
  const title = providers?.find((each) => each.name === remote.provider)?.title ?? remote.provider;
  const last = lines.findLast(
    (line) => line.nodeId === node.id && line.level === "error" && line.source !== "baton",
  );
  const { task, attempt } = last ? taskOf(last) : { task: null, attempt: null };
  const where =
    task && t("task {task}{what}", { task, what: attempt === null ? "" : t(", try {attempt}", { attempt }) });
  return (
    <span className="text-muted">({[title, remote.workflowId, where].filter(Boolean).join(" · ")})</span>
  );
}

const WEEK = 7 * 86_400_000;

/** How often runs failed alike within a week, and the way to them. */
function Often({ run }: { run: RunDetail }) {
  // To the hour, so that the same question is asked again.
  const [since] = useState(() =>
    new Date(Math.floor((Date.now() - WEEK) / 3_600_000) * 3_600_000).toISOString(),
  );
  const { data } = useQuery(runErrorsQuery({ orchestratorId: run.orchestratorId, since }, 100));
  const alike = (data?.items ?? []).filter(
    (each) => each.nodeId === run.error?.nodeId && each.code === run.error?.code,
  );
  const found =
    alike.find((each) => each.lastRunId === run.id) ??
    alike.find((each) => letters(each.message) === letters(run.error?.message ?? ""));
  if (!found || found.count < 2) return null;
  return (
    <Button size="sm" variant="ghost" asChild>
      <Link to="/runs" search={{ error: found.key, since }}>
        {t("Same error {count}× this week", { count: count(found.count) })}
      </Link>
    </Button>
  );
}

/** A message without its numbers, ids and quoted words, near enough to know it again. */
function letters(message: string): string {
  return message.replaceAll(/(["'`]).*?\1|[0-9a-f-]{8,}|\d+/g, "");
}

type BannerProps = { run: RunDetail; onGo: (nodeId: string) => void };

const WAITS: Record<string, string> = { callback: t("a callback"), delay: t("a time"), flow: "another run" };

/** What the run waits for. The address of a callback is there only for those who may operate runs. */
export function WaitingBanner({ run, onGo }: BannerProps) {
  const waits = run.waiting.filter((each) => each.kind === "callback" || each.callbackUrl !== null);
  if (waits.length === 0) return null;
  return (
    <ul
      aria-label={t("Waiting for")}
      className="flex flex-col rounded-lg border border-st-waiting/40 bg-surface"
    >
      {waits.map((each) => {
        const node = run.nodes.find((one) => one.id === each.nodeId);
        return (
          <li key={each.nodeId} className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-1.5 text-sm">
            <Hourglass aria-hidden className="size-4 shrink-0 text-st-waiting" />
            <span className="min-w-0 flex-1">
              <button
                type="button"
                onClick={() => onGo(each.nodeId)}
                className="min-h-6 font-semibold hover:underline"
              >
                {node?.label || each.nodeId}
              </button>{" "}
              {t("waits for {wait}", { wait: WAITS[each.kind] ?? each.kind })}
              {each.until && (
                <span className="text-muted">{t(", until {when}", { when: absolute(each.until) })}</span>
              )}
            </span>
            {each.callbackUrl && (
              <span className="flex items-center gap-1 text-muted text-xs">
                {t("Callback address")}
                <CopyButton text={each.callbackUrl} label={t("Copy callback address")} />
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
