import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type RunFilter, runSummaryQuery } from "@/api/queries";
import type { RunState, RunSummary } from "@/api/types";
import { cn } from "@/lib/cn";
import { locale, t } from "@/lib/text";
import { clock, count, duration } from "@/lib/time";
import { lookOf, Skeleton, StatusIcon, Tooltip } from "@/ui";
import type { RunsSearch } from "./search";

/** From the ground up: what went well carries what did not. */
const STACK: readonly RunState[] = ["COMPLETED", "CANCELLED", "PENDING", "RUNNING", "WAITING", "FAILED"];
const DAY = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
const HEIGHT = 44;

type Props = {
  filter: RunFilter;
  /** A stretch of time was chosen. */
  onTime: (since: string, until: string) => void;
  onChange: (change: Partial<RunsSearch>) => void;
};

/** Runs over time, stacked by state, and four numbers. A bar is a button; several are chosen by dragging over them. */
export function Histogram({ filter, onTime, onChange }: Props) {
  const query = useQuery({
    ...runSummaryQuery(filter),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  });
  const summary = query.data;
  return (
    <section
      aria-label={t("Summary")}
      className="flex flex-col gap-x-5 gap-y-2 rounded-lg border bg-surface px-3 py-2 md:flex-row md:items-stretch"
    >
      <div className="min-w-0 flex-1">
        {summary ? <Bars summary={summary} onTime={onTime} /> : <Skeleton className="h-16 w-full" />}
      </div>
      <dl className="grid grid-cols-4 gap-x-4 md:flex md:items-center md:gap-x-5 md:border-l md:pl-5">
        <Figure
          name={t("Running")}
          value={summary && count((summary.live.RUNNING ?? 0) + (summary.live.PENDING ?? 0))}
          status="RUNNING"
          hint={t("Running or about to, whenever they began")}
          onClick={() => onChange({ status: ["PENDING", "RUNNING"], since: undefined, until: undefined })}
        />
        <Figure
          name={t("Waiting")}
          value={summary && count(summary.live.WAITING ?? 0)}
          status="WAITING"
          hint={t("Waiting for a callback, a person or a time, whenever they began")}
          onClick={() => onChange({ status: ["WAITING"], since: undefined, until: undefined })}
        />
        <Figure
          name={t("Failed 24 h")}
          value={summary && count(summary.failed24h)}
          status="FAILED"
          hint={t("Failed in the last 24 hours")}
          onClick={() => onChange({ status: ["FAILED"], since: "24h", until: undefined })}
        />
        <Figure
          name="p95"
          value={summary && (summary.p95Ms === null ? "–" : duration(summary.p95Ms))}
          hint={t("95 of 100 completed runs of the time shown took no longer. Shows those that did.")}
          onClick={
            summary?.p95Ms ? () => onChange({ minSeconds: Math.round(summary.p95Ms ?? 0) / 1000 }) : undefined
          }
        />
      </dl>
    </section>
  );
}

function Figure({
  name,
  value,
  status,
  hint,
  onClick,
}: {
  name: string;
  value: string | undefined;
  status?: RunState;
  hint: string;
  onClick?: () => void;
}) {
  return (
    <div className="flex min-w-0 flex-col md:min-w-16">
      <dt className="flex items-center gap-1 whitespace-nowrap text-muted text-xs">
        {status && <StatusIcon status={status} hidden className="hidden size-3.5 animate-none sm:block" />}
        <span className="truncate">{name}</span>
      </dt>
      <dd>
        <Tooltip content={hint}>
          <button
            type="button"
            aria-label={t("{name}: {value}. Show them", { name, value: value ?? t("loading") })}
            disabled={onClick === undefined}
            onClick={onClick}
            className="tabular -mx-1 h-8 rounded-md px-1 text-left font-semibold text-lg hover:bg-hover disabled:hover:bg-transparent"
          >
            {value ?? <Skeleton className="h-5 w-8" />}
          </button>
        </Tooltip>
      </dd>
    </div>
  );
}

function Bars({ summary, onTime }: { summary: RunSummary; onTime: (since: string, until: string) => void }) {
  const [at, setAt] = useState<number | null>(null);
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const [focus, setFocus] = useState(0);
  const bars = summary.buckets;
  const totals = bars.map((bar) => sum(bar.counts));
  const most = Math.max(1, ...totals);
  const last = bars.length - 1;
  const width = summary.bucketSeconds * 1000;
  const end = (index: number) => new Date(Date.parse(bars[index]?.at ?? "") + width).toISOString();
  const choose = (from: number, to: number) => {
    const first = bars[Math.min(from, to)];
    if (first) onTime(first.at, end(Math.max(from, to)));
  };
  const chosen = drag && ([Math.min(...drag), Math.max(...drag)] as const);
  const shown = bars[at ?? -1];
  const roving = Math.min(focus, last);
  return (
    <div className="flex flex-col gap-1">
      <p className="flex h-4 items-center gap-2 truncate text-muted text-xs">
        {shown ? (
          <span className="truncate">{spoken(shown, width)}</span>
        ) : (
          <>
            <span className="truncate">
              {t("{reduce, plural, one {# run} other {# runs}}", {
                reduce: totals.reduce((all, each) => all + each, 0),
              })}
            </span>
            {STACK.toReversed()
              .filter((state) => summary.counts[state])
              .map((state) => (
                <span key={state} className="hidden items-center gap-1 lg:flex">
                  <StatusIcon status={state} hidden className="size-3 animate-none" />
                  {count(summary.counts[state] ?? 0)} {lookOf(state).label.toLowerCase()}
                </span>
              ))}
          </>
        )}
      </p>
      <div
        role="toolbar"
        aria-label={t("Runs over time. Choose a bar to see its time")}
        className="relative select-none"
        onPointerLeave={() => {
          setAt(null);
          setDrag(null);
        }}
        onPointerUp={() => {
          if (drag && drag[0] !== drag[1]) choose(...drag);
          setDrag(null);
        }}
      >
        <svg
          aria-hidden
          viewBox={`0 0 ${bars.length} ${HEIGHT}`}
          preserveAspectRatio="none"
          className="block w-full border-line border-b"
          height={HEIGHT}
        >
          {bars.map((bar, index) => (
            <Stack key={bar.at} counts={bar.counts} x={index} most={most} />
          ))}
        </svg>
        <div className="absolute inset-0 flex">
          {bars.map((bar, index) => (
            <button
              key={bar.at}
              type="button"
              tabIndex={index === roving ? 0 : -1}
              aria-label={spoken(bar, width)}
              className={cn(
                "min-w-0 flex-1 outline-offset-1",
                index === at && "bg-hover",
                chosen && index >= chosen[0] && index <= chosen[1] && "bg-accent-soft",
              )}
              onPointerEnter={() => {
                setAt(index);
                if (drag) setDrag([drag[0], index]);
              }}
              onPointerDown={(event) => {
                // Else the first bar would keep the pointer, and no other would hear of it.
                event.currentTarget.releasePointerCapture(event.pointerId);
                setDrag([index, index]);
              }}
              onFocus={() => {
                setFocus(index);
                setAt(index);
              }}
              onBlur={() => setAt(null)}
              onClick={() => choose(index, index)}
              onKeyDown={(event) => {
                const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
                if (to === undefined || to < 0 || to > last) return;
                event.preventDefault();
                (event.currentTarget.parentElement?.children[to] as HTMLElement | undefined)?.focus();
              }}
            />
          ))}
        </div>
      </div>
      <p aria-hidden className="flex justify-between text-2xs text-muted">
        <span>{bars[0] && edge(bars[0].at, width)}</span>
        <span>{edge(summary.until, width)}</span>
      </p>
    </div>
  );
}

/** What failed is never thinner than can be seen. */
function Stack({ counts, x, most }: { counts: RunSummary["counts"]; x: number; most: number }) {
  let ground = HEIGHT;
  return STACK.map((state) => {
    const value = counts[state] ?? 0;
    if (value === 0) return null;
    const height = Math.max(state === "FAILED" ? 3 : 1.5, (value / most) * (HEIGHT - 6));
    ground -= height;
    return (
      <rect
        key={state}
        x={x + 0.1}
        y={Math.max(0, ground)}
        width={0.8}
        height={height}
        fill={`var(--st-${lookOf(state).tone})`}
        opacity={state === "COMPLETED" ? 0.55 : 1}
      />
    );
  });
}

function spoken(bar: RunSummary["buckets"][number], width: number): string {
  const from = Date.parse(bar.at);
  const parts = STACK.toReversed()
    .filter((state) => bar.counts[state])
    .map((state) => `${count(bar.counts[state] ?? 0)} ${lookOf(state).label.toLowerCase()}`);
  const time = t("{edge} to {edge2}", { edge: edge(from, width), edge2: edge(from + width, width) });
  return `${time}: ${parts.length ? parts.join(", ") : t("no runs")}`;
}

/** Day and clock, as exact as the bars are wide. */
function edge(at: string | number, width: number): string {
  const time = clock(at);
  if (width >= 86_400_000) return DAY.format(new Date(at));
  return `${DAY.format(new Date(at))}, ${width < 60_000 ? time : time.slice(0, 5)}`;
}

function sum(counts: RunSummary["counts"]): number {
  return Object.values(counts).reduce((all, each) => all + (each ?? 0), 0);
}
