import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, CircleX, TriangleAlert } from "lucide-react";
import { useContext, useEffect, useRef, useState } from "react";
import type { Level, LogLine } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { clock, duration } from "@/lib/time";
import { Revealable } from "@/redaction";
import { CopyButton, holdsMask, ProviderChip, Revealing } from "@/ui";
import { hasSigns, piecesOf, plain, type Tone } from "./ansi";
import { cutAt, folded, hitInside, saidAt, taskOf } from "./model";

/** The names of the steps, and what a click on one does. */
export type Steps = { names: ReadonlyMap<string, string>; onStep: (id: string) => void };

type Props = {
  label: string;
  lines: readonly LogLine[];
  /** Given, what is masked in a line can be revealed. */
  runId?: string;
  /** Given, times are counted from here. */
  since: number | null;
  steps?: Steps;
  query: string;
  /** Place of the hit that is looked at. */
  hit: number | null;
  /** Number of the line that the address names. */
  line: number | null;
  onLine: (seq: number | null) => void;
  follow: boolean;
  wrap: boolean;
  /** Called when the reader leaves the end. */
  onLeave: () => void;
};

const LEAVING = ["ArrowUp", "PageUp", "Home"];

/** A virtual list of lines that fills its parent. A click on a line's number puts it into the address. */
export function LogLines(props: Props) {
  const { label, lines, runId, since, steps, query, hit, line, onLine, follow, wrap, onLeave } = props;
  const scroller = useRef<HTMLElement>(null);
  const [unfolded, setUnfolded] = useState<ReadonlySet<number>>(new Set());
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 24,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 30,
  });
  const count = lines.length;
  const named = line === null ? -1 : lines.findIndex((each) => each.seq === line);
  const aim = hit ?? (named >= 0 ? named : null);
  useEffect(() => {
    if (aim !== null) virtual.scrollToIndex(aim, { align: "center" });
  }, [aim, virtual]);
  // Who looks for something is not taken to the end, not even while it has not arrived.
  const free = query === "" && line === null;
  useEffect(() => {
    if (follow && free && count) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [follow, free, count, virtual]);
  const toggle = (seq: number) =>
    setUnfolded((before) => {
      const next = new Set(before);
      if (!next.delete(seq)) next.add(seq);
      return next;
    });
  return (
    <section
      ref={scroller}
      aria-label={t("{label}, scrollable", { label })}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
      tabIndex={0}
      onWheel={(event) => event.deltaY < 0 && onLeave()}
      onTouchMove={onLeave}
      onKeyDown={(event) => LEAVING.includes(event.key) && onLeave()}
      className={cn(
        "@container min-h-0 flex-1 overflow-y-auto py-1 font-mono text-xs -outline-offset-2",
        !wrap && "overflow-x-auto",
      )}
    >
      {count === 0 && <p className="px-3 py-2 font-sans text-muted text-sm">{t("No lines.")}</p>}
      <ol aria-label={label} className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const each = lines[item.index];
          if (!each) return null;
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              style={{ transform: `translateY(${item.start}px)` }}
              className={cn(
                "absolute top-0 left-0 min-w-full",
                wrap && "right-0",
                each.level === "error" && "bg-st-failed/8",
                (each.seq === line || item.index === hit) && "bg-accent-soft",
              )}
            >
              <Line
                line={each}
                runId={runId}
                since={since}
                steps={steps}
                query={query}
                chosen={each.seq === line}
                wrap={wrap}
                open={unfolded.has(each.seq) || (item.index === hit && hitInside(folded(each), query))}
                onToggle={() => toggle(each.seq)}
                onChoose={() => onLine(each.seq === line ? null : each.seq)}
              />
            </li>
          );
        })}
      </ol>
    </section>
  );
}

type LineProps = {
  line: LogLine;
  runId: string | undefined;
  since: number | null;
  steps: Steps | undefined;
  query: string;
  chosen: boolean;
  wrap: boolean;
  open: boolean;
  onToggle: () => void;
  onChoose: () => void;
};

function Line({ line, runId, since, steps, query, chosen, wrap, open, onToggle, onChoose }: LineProps) {
  const { head, rest } = folded(line);
  const tone = cn(line.level === "error" && "text-st-failed", line.level === "debug" && "text-muted");
  const text = cn("min-w-0 leading-6", wrap ? "whitespace-pre-wrap break-words" : "whitespace-pre", tone);
  return (
    <div className="flex items-start gap-2 pr-3 pl-1">
      <button
        type="button"
        onClick={onChoose}
        aria-label={t("Line {seq}", { seq: line.seq })}
        aria-pressed={chosen}
        className="tabular h-6 w-10 shrink-0 rounded-sm pr-1 text-right text-muted hover:bg-hover hover:text-ink"
      >
        {line.seq}
      </button>
      <time
        dateTime={saidAt(line)}
        title={since === null ? undefined : clock(saidAt(line))}
        className={cn("tabular shrink-0 text-muted leading-6", since !== null && "w-16 text-right")}
      >
        {since === null ? clock(saidAt(line)) : after(saidAt(line), since)}
      </time>
      <Origin line={line} />
      {steps && <StepName line={line} steps={steps} />}
      <LevelIcon level={line.level} />
      <div className="min-w-0 flex-1">
        {rest === null ? (
          <p className={text}>
            <Marked text={head} query={query} />
          </p>
        ) : (
          <>
            <button
              type="button"
              aria-expanded={open}
              onClick={onToggle}
              className={cn(text, "flex min-h-6 w-full items-start gap-1 text-left hover:underline")}
            >
              <ChevronRight
                aria-hidden
                className={cn("mt-1.5 size-3 shrink-0 transition-transform", open && "rotate-90")}
              />
              <span className="min-w-0">
                <Marked text={head} query={query} />
              </span>
            </button>
            {open && (
              <pre className={cn(text, "pb-1 pl-4 leading-5")}>
                <Marked text={rest} query={query} />
              </pre>
            )}
          </>
        )}
      </div>
      {runId && holdsMask(line.message) && (
        <Revealable place={{ runId, part: "line", number: line.seq, whole: true }}>
          <RevealLine />
        </Revealable>
      )}
      {chosen && (
        <CopyButton
          text={() => window.location.href}
          label={t("Copy link to line {seq}", { seq: line.seq })}
          className="-my-0.5 shrink-0"
        />
      )}
    </div>
  );
}

function RevealLine() {
  const ask = useContext(Revealing);
  return (
    <button
      type="button"
      onClick={() => ask?.("")}
      className="h-6 shrink-0 rounded-sm px-1.5 font-sans text-accent-text text-xs hover:bg-hover"
    >
      {t("Reveal")}
    </button>
  );
}

/** How long after the beginning; a platform's clock may be behind ours. */
function after(at: string, since: number): string {
  const ms = Date.parse(at) - since;
  return `${ms < 0 ? "−" : "+"}${duration(Math.abs(ms))}`;
}

/** The step a line is about; it leads there. A narrow log leaves it out. */
function StepName({ line: { nodeId }, steps }: { line: LogLine; steps: Steps }) {
  const name = nodeId === null ? undefined : steps.names.get(nodeId);
  const place = "h-6 w-36 shrink-0 truncate text-left @max-3xl:hidden";
  if (nodeId === null || name === undefined) return <span className={place} />;
  return (
    <button
      type="button"
      title={name}
      onClick={() => steps.onStep(nodeId)}
      className={cn(place, "text-accent-text hover:underline")}
    >
      {name}
    </button>
  );
}

/** The platform, the task and the try a line is from; our own lines have no chip. */
function Origin({ line }: { line: LogLine }) {
  const { task, attempt } = taskOf(line);
  if (line.source === "baton")
    return (
      <span className="w-28 shrink-0 truncate text-muted leading-6 max-sm:w-6">
        <span className="max-sm:sr-only">{t("baton")}</span>
      </span>
    );
  const words = [line.source, task, attempt === null ? null : t("try {attempt}", { attempt })]
    .filter(Boolean)
    .join(" · ");
  return (
    <span title={words} className="flex h-6 w-28 shrink-0 items-center gap-1.5 max-sm:w-6">
      <ProviderChip provider={line.source} />
      <span className="sr-only">{words}</span>
      <span aria-hidden className="min-w-0 truncate text-muted max-sm:hidden">
        {task ?? line.source}
        {attempt !== null && attempt > 1 && ` ↻${attempt}`}
      </span>
    </span>
  );
}

function LevelIcon({ level }: { level: Level }) {
  const classes = "mt-1.5 size-3.5 shrink-0";
  if (level === "error")
    return <CircleX role="img" aria-label={t("Error")} className={cn(classes, "text-st-failed")} />;
  if (level === "warning")
    return <TriangleAlert role="img" aria-label={t("Warning")} className={cn(classes, "text-st-warning")} />;
  return <span aria-hidden className={classes} />;
}

const ANSI: Record<Tone, string> = {
  red: "text-st-failed",
  green: "text-st-done",
  yellow: "text-st-warning",
  blue: "text-st-running",
  magenta: "text-st-held",
  cyan: "text-st-retried",
  grey: "text-muted",
};

/** What is searched for is marked; else a terminal's colours are shown as the theme has them. */
function Marked({ text, query }: { text: string; query: string }) {
  if (query.trim() === "" && hasSigns(text)) {
    return piecesOf(text).map((piece, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a line never changes
      <span key={index} className={cn(piece.tone && ANSI[piece.tone], piece.bold && "font-semibold")}>
        {piece.text}
      </span>
    ));
  }
  return cutAt(plain(text), query).map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: a line never changes
      <mark key={index} className="rounded-sm bg-accent text-on-accent">
        {part}
      </mark>
    ) : (
      part
    ),
  );
}
