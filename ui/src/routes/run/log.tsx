import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, CircleX, TriangleAlert } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";
import type { Level, LogLine } from "@/api/types";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { clock, plural } from "@/lib/time";
import { IconButton, SearchInput, Select } from "@/ui";

const LEVELS: Record<Level, number> = { debug: 0, info: 1, warning: 2, error: 3 };
const ANY = "any";

/** The run's lines, narrowed by source, level and text. Stays at the end while `follow` is on. */
export function LogPane({ lines }: { lines: readonly LogLine[] }) {
  const [source, setSource] = useState(ANY);
  const [level, setLevel] = usePersistent<Level>("log:level", "debug");
  const [text, setText] = useState("");
  const [follow, setFollow] = usePersistent("log:follow", true);
  const sources = useMemo(() => [...new Set(lines.map((line) => line.source))], [lines]);
  const shown = useMemo(() => {
    const wanted = text.toLowerCase();
    return lines.filter(
      (line) =>
        (source === ANY || line.source === source) &&
        LEVELS[line.level] >= LEVELS[level] &&
        (wanted === "" || line.message.toLowerCase().includes(wanted)),
    );
  }, [lines, source, level, text]);
  return (
    <div className="flex h-full min-h-0 flex-col">
      <div className="flex shrink-0 flex-wrap items-center gap-2 border-b px-3 py-1.5">
        <h2 className="mr-1 font-semibold text-sm">Log</h2>
        <Select
          label="Source"
          className="w-36"
          value={source}
          onChange={setSource}
          options={[
            { value: ANY, label: "All sources" },
            ...sources.map((each) => ({ value: each, label: each })),
          ]}
        />
        <Select
          label="Level"
          className="w-36"
          value={level}
          onChange={(next) => setLevel(next as Level)}
          options={[
            { value: "debug", label: "All levels" },
            { value: "info", label: "Info and up" },
            { value: "warning", label: "Warnings and up" },
            { value: "error", label: "Errors" },
          ]}
        />
        <SearchInput label="Search the log" className="w-52" value={text} onChange={setText} />
        <span className="ml-auto text-muted text-xs" role="status">
          {shown.length === lines.length
            ? plural(lines.length, "line")
            : `${shown.length} of ${plural(lines.length, "line")}`}
        </span>
        <IconButton
          size="sm"
          icon={ArrowDownToLine}
          label="Follow the end"
          pressed={follow}
          onClick={() => setFollow(!follow)}
        />
      </div>
      <LogLines
        label="Log lines"
        lines={shown}
        query={text}
        follow={follow}
        onLeave={() => setFollow(false)}
      />
    </div>
  );
}

type LinesProps = {
  label: string;
  lines: readonly LogLine[];
  query?: string;
  follow?: boolean;
  /** Called when the reader scrolls up. */
  onLeave?: () => void;
};

/** A virtual list of lines that fills its parent. */
export function LogLines({ label, lines, query = "", follow = false, onLeave }: LinesProps) {
  const scroller = useRef<HTMLElement>(null);
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 22,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 50,
  });
  const count = lines.length;
  useEffect(() => {
    if (follow && count) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [follow, count, virtual]);
  return (
    <section
      ref={scroller}
      aria-label={`${label}, scrollable`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
      tabIndex={0}
      onWheel={(event) => event.deltaY < 0 && onLeave?.()}
      className="min-h-0 flex-1 overflow-y-auto py-1 font-mono text-xs -outline-offset-2"
    >
      {count === 0 && <p className="px-3 py-2 font-sans text-muted text-sm">No lines.</p>}
      <ol aria-label={label} className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (!line) return null;
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              style={{ transform: `translateY(${item.start}px)` }}
              className={cn(
                "absolute inset-x-0 top-0 flex gap-3 px-3 py-0.5",
                line.level === "error" && "bg-st-failed/8",
              )}
            >
              <time dateTime={line.at} className="tabular shrink-0 text-muted">
                {clock(line.at)}
              </time>
              <span className="w-16 shrink-0 truncate text-muted">{line.source}</span>
              <LevelIcon level={line.level} />
              <span
                className={cn(
                  "min-w-0 whitespace-pre-wrap break-words",
                  line.level === "error" && "text-st-failed",
                  line.level === "debug" && "text-muted",
                )}
              >
                <Marked text={line.message} query={query} />
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function LevelIcon({ level }: { level: Level }) {
  const classes = "mt-0.5 size-3.5 shrink-0";
  if (level === "error")
    return <CircleX role="img" aria-label="Error" className={cn(classes, "text-st-failed")} />;
  if (level === "warning")
    return <TriangleAlert role="img" aria-label="Warning" className={cn(classes, "text-st-warning")} />;
  return <span aria-hidden className={classes} />;
}

function Marked({ text, query }: { text: string; query: string }) {
  const at = query ? text.toLowerCase().indexOf(query.toLowerCase()) : -1;
  if (at < 0) return text;
  return (
    <>
      {text.slice(0, at)}
      <mark className="bg-accent-soft text-ink underline">{text.slice(at, at + query.length)}</mark>
      {text.slice(at + query.length)}
    </>
  );
}
