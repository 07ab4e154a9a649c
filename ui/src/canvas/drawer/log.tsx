import { useVirtualizer } from "@tanstack/react-virtual";
import { CircleX, TriangleAlert } from "lucide-react";
import { useEffect, useRef } from "react";
import type { LogLine } from "@/api/types";
import { cn } from "@/lib/cn";
import { clock } from "@/lib/time";
import { labelOf } from "../graph";
import { useFlow } from "../store";

type Props = { lines: readonly LogLine[]; run: boolean; onNode: (id: string) => void };

/** The lines of the run on show, up to the time on show. Stays at the end unless the reader scrolls up. */
export function LogTab({ lines, run, onNode }: Props) {
  const scroller = useRef<HTMLElement>(null);
  const held = useRef(true);
  const nodes = useFlow((flow) => flow.nodes);
  const labels = new Map(nodes.map((node) => [node.id, labelOf(node)]));
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 26,
    getItemKey: (index) => lines[index]?.seq ?? index,
    overscan: 20,
  });
  const count = lines.length;
  useEffect(() => {
    if (held.current && count) virtual.scrollToIndex(count - 1, { align: "end" });
  }, [count, virtual]);
  if (count === 0) {
    return (
      <p className="p-4 text-muted text-sm">
        {run
          ? "Nothing has been written yet."
          : "No run is on show. Press Run, or open one from its history."}
      </p>
    );
  }
  return (
    <section
      ref={scroller}
      aria-label="Run log, scrollable"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys scroll it
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        held.current = scrollHeight - scrollTop - clientHeight < 40;
      }}
      className="h-full overflow-y-auto py-1 font-mono text-xs -outline-offset-2"
    >
      <ol aria-label="Log lines" className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const line = lines[item.index];
          if (!line) return null;
          const { nodeId } = line;
          return (
            <li
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              style={{ transform: `translateY(${item.start}px)` }}
              className={cn(
                "absolute inset-x-0 top-0 flex items-start gap-3 px-3 py-px leading-6",
                line.level === "error" && "bg-st-failed/8",
              )}
            >
              <time dateTime={line.at} className="tabular shrink-0 text-muted">
                {clock(line.at)}
              </time>
              <span className="w-16 shrink-0 truncate text-muted max-md:hidden">{line.source}</span>
              <Sign level={line.level} />
              {nodeId !== null && labels.has(nodeId) && (
                <button
                  type="button"
                  onClick={() => onNode(nodeId)}
                  className="h-6 w-36 shrink-0 truncate text-left text-accent-text hover:underline max-md:hidden"
                >
                  {labels.get(nodeId)}
                </button>
              )}
              <span
                className={cn(
                  "min-w-0 whitespace-pre-wrap break-words leading-6",
                  line.level === "error" && "text-st-failed",
                  line.level === "debug" && "text-muted",
                )}
              >
                {line.message}
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Sign({ level }: { level: LogLine["level"] }) {
  const classes = "mt-[5px] size-3.5 shrink-0";
  if (level === "error")
    return <CircleX role="img" aria-label="Error" className={cn(classes, "text-st-failed")} />;
  if (level === "warning")
    return <TriangleAlert role="img" aria-label="Warning" className={cn(classes, "text-st-warning")} />;
  return <span aria-hidden className={classes} />;
}
