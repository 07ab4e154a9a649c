import { useQueries, useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronRight, FoldHorizontal, ZoomOut } from "lucide-react";
import { useMemo, useRef, useState } from "react";
import { ended, revisionQuery, tasksQuery } from "@/api/queries";
import type { LogLine, NodeRun, RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { rich, t } from "@/lib/text";
import { clock, duration, elapsed } from "@/lib/time";
import { useNow } from "@/lib/use-now";
import { saidAt } from "@/log";
import { IconButton, lookOf, Segmented, StatusIcon, TONE_TEXT } from "@/ui";
import { Axis } from "./axis";
import { Bars, type Dot, type Place } from "./bars";
import { criticalPath } from "./critical";
import { idleOf, type Scale, type Stretch, scaleOf } from "./scale";
import { byTask, type Segment, segmentsOf, segmentsOfTask, type Task } from "./segments";
import { kept, type Selection } from "./steps";

type Props = {
  run: RunDetail;
  lines: readonly LogLine[];
  /** Ids of the steps whose remote tasks are shown. */
  opened: readonly string[];
  onOpen: (opened: string[]) => void;
  onTask: (nodeId: string, task: Task) => void;
} & Selection;

type Row =
  | { kind: "node"; id: string; node: NodeRun; segments: Segment[]; dots: Dot[] }
  | { kind: "task"; id: string; node: NodeRun; task: Task; segments: Segment[] }
  | { kind: "note"; id: string; text: string };

const GRID =
  "grid grid-cols-[minmax(0,8.5rem)_1fr_4rem] gap-3 px-3 sm:grid-cols-[minmax(0,12rem)_1fr_4.5rem]";
const ROW = 28;

/** Every step on one axis, and, where a step is opened, the remote tasks inside it. Solid: it runs, thin: it is queued,
 * hatched: it waits; dots are callbacks and errors of the log. Underlined: the critical path. Long idle time is folded. */
export function Timeline({ run, lines, selected, onSelect, opened, onOpen, onTask }: Props) {
  const live = run.startedAt !== null && run.finishedAt === null;
  const now = useNow(live ? 1000 : 0);
  const [axis, setAxis] = usePersistent<"elapsed" | "clock">("run:axis", "elapsed");
  const [zoom, setZoom] = useState<Stretch | null>(null);
  const [unfolded, setUnfolded] = useState<readonly number[]>([]);
  const rows = useRows(run, lines, opened, now);
  const critical = useCritical(run);
  const begin = Date.parse(run.startedAt ?? run.createdDate);
  const scale = scaled(run, rows, zoom, unfolded, begin, now);
  const { place } = scale;
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 12,
  });
  const toggle = (id: string) =>
    onOpen(opened.includes(id) ? opened.filter((each) => each !== id) : [...opened, id]);
  const shown = scale.ticks(axis === "clock" ? 0 : begin);
  const whole = () => {
    setZoom(null);
    setUnfolded([]);
  };
  const changed = zoom !== null || unfolded.length > 0;
  return (
    <div className="flex max-h-full min-h-0 flex-col">
      <div className={cn(GRID, "h-10 shrink-0 items-center border-b text-muted text-xs")}>
        <span className="flex items-center gap-1">
          <span className={cn("contents", changed && "max-sm:hidden")}>
            <Segmented
              label={t("Axis")}
              value={axis}
              onChange={setAxis}
              options={[
                { value: "elapsed", label: t("Elapsed") },
                { value: "clock", label: t("Clock") },
              ]}
            />
          </span>
          {zoom && <IconButton size="sm" icon={ZoomOut} label={t("Show the whole run")} onClick={whole} />}
          {!zoom && unfolded.length > 0 && (
            <IconButton size="sm" icon={FoldHorizontal} label={t("Fold idle time")} onClick={whole} />
          )}
        </span>
        <Axis
          scale={scale}
          ticks={shown}
          worded={(at) => (axis === "clock" ? clock(at) : duration(at - begin))}
          onZoom={setZoom}
          onReset={whole}
          onUnfold={(from) => setUnfolded([...unfolded, from])}
        />
        <span className="text-right">{t("Duration")}</span>
      </div>
      <div ref={scroller} className="min-h-0 overflow-y-auto pb-1.5">
        <div className="relative" style={{ height: virtual.getTotalSize() }}>
          <div aria-hidden className={cn(GRID, "pointer-events-none absolute inset-0")}>
            <span />
            <span className="relative overflow-hidden">
              {shown.map((at) => (
                <span
                  key={at}
                  style={{ left: `${place(at)}%` }}
                  className="absolute inset-y-0 w-px bg-line/60"
                />
              ))}
              {scale.folded.map(({ from, to }) => (
                <span
                  key={from}
                  style={{ left: `${place(from)}%`, width: `${place(to) - place(from)}%` }}
                  className="absolute inset-y-0 border-edge border-x border-dashed bg-sunken"
                />
              ))}
              {live && (
                <span style={{ left: `${place(now)}%` }} className="absolute inset-y-0 w-px bg-accent" />
              )}
            </span>
          </div>
          <ol aria-label={t("Timeline")}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index];
              if (!row) return null;
              return (
                <li
                  key={item.key}
                  style={{ transform: `translateY(${item.start}px)`, height: ROW }}
                  className="absolute inset-x-0 top-0"
                >
                  {row.kind === "note" ? (
                    <p className="truncate px-3 pl-11 text-muted text-xs leading-7">{row.text}</p>
                  ) : row.kind === "task" ? (
                    <TaskRow row={row} place={place} onOpen={() => onTask(row.node.id, row.task)} />
                  ) : (
                    <NodeRow
                      row={row}
                      place={place}
                      now={now}
                      selected={selected === row.id}
                      critical={critical.has(row.id)}
                      open={opened.includes(row.id)}
                      onSelect={() => onSelect(row.id)}
                      onToggle={() => toggle(row.id)}
                    />
                  )}
                </li>
              );
            })}
          </ol>
        </div>
      </div>
      {critical.size > 0 && (
        <p className="shrink-0 border-t px-3 py-1.5 text-muted text-xs">
          {rich("<span>Underlined</span>: the critical path, which decided how long the run took.", {
            span: (inner) => (
              <span className="text-ink underline decoration-2 underline-offset-4">{inner}</span>
            ),
          })}
        </p>
      )}
    </div>
  );
}

/** The axis: what is looked at, without the idle time that nobody unfolded. */
function scaled(
  run: RunDetail,
  rows: readonly Row[],
  zoom: Stretch | null,
  unfolded: readonly number[],
  begin: number,
  now: number,
): Scale {
  const segments = rows.flatMap((row) => ("segments" in row ? row.segments : []));
  const finish = run.finishedAt ? Date.parse(run.finishedAt) : Math.max(now, begin);
  const last = segments.reduce((latest, each) => Math.max(latest, each.to), begin + 100);
  const { from, to } = zoom ?? { from: begin, to: Math.max(finish, last) };
  // A remote task goes on inside its step's own bar: only our steps say when something ran.
  const ours = rows.flatMap((row) => (row.kind === "node" ? row.segments : []));
  const idle = idleOf(ours, from, to).filter((each) => !unfolded.includes(each.from));
  return scaleOf(from, to, idle);
}

const NOTHING: ReadonlySet<string> = new Set();

/** The steps on the critical path, by the wires of the revision that ran. */
function useCritical(run: RunDetail): ReadonlySet<string> {
  const { data } = useQuery(revisionQuery(run.orchestratorId, run.revision));
  const edges = data?.definition.edges;
  return useMemo(() => (edges ? new Set(criticalPath(run.nodes, edges)) : NOTHING), [run.nodes, edges]);
}

/** The steps, and the tasks of those that are opened. */
function useRows(run: RunDetail, lines: readonly LogLine[], opened: readonly string[], now: number): Row[] {
  const nodes = run.nodes.filter((node) => opened.includes(node.id) && mayOpen(node));
  const over = ended(run.status);
  const answers = useQueries({
    queries: nodes.map((node) => tasksQuery(run.id, node.id, !over && node.finishedAt === null)),
  });
  const mine = useMemo(() => {
    const found = new Map<string, LogLine[]>();
    for (const line of lines) {
      if (line.nodeId === null) continue;
      const list = found.get(line.nodeId);
      if (list) list.push(line);
      else found.set(line.nodeId, [line]);
    }
    return found;
  }, [lines]);
  return run.nodes.flatMap((node): Row[] => {
    const own = mine.get(node.id) ?? [];
    const row: Row = {
      kind: "node",
      id: node.id,
      node,
      segments: segmentsOf(node, own, now),
      dots: dotsOf(own),
    };
    const place = nodes.indexOf(node);
    if (place < 0) return [row];
    const answer = answers[place];
    const note = (text: string): Row => ({ kind: "note", id: `${node.id} note`, text });
    if (answer?.error) return [row, note(t("Its tasks cannot be shown now."))];
    if (!answer?.data) return [row, note(t("Asking the platform …"))];
    const { items, reason, problem } = answer.data;
    const inside = byTask(items).map(
      (task): Row => ({
        kind: "task",
        id: `${node.id} ${task.id}`,
        node,
        task,
        segments: segmentsOfTask(task.tries, now),
      }),
    );
    const said = problem ? problem.message : reason;
    return [row, ...inside, ...(said ? [note(said)] : [])];
  });
}

/** Whether the platform may tell what is inside this step. */
export function mayOpen(node: NodeRun): boolean {
  return node.remote !== null && node.remote.provider !== "webhook" && node.remote.executionId !== null;
}

function dotsOf(lines: readonly LogLine[]): Dot[] {
  return lines
    .filter((line) => line.kind.startsWith("callback.") || (line.kind === "log" && line.level === "error"))
    .slice(0, 50)
    .map((line) => ({ at: Date.parse(saidAt(line)), failed: line.level === "error", text: line.message }));
}

type NodeRowProps = {
  row: Extract<Row, { kind: "node" }>;
  place: Place;
  now: number;
  selected: boolean;
  critical: boolean;
  open: boolean;
  onSelect: () => void;
  onToggle: () => void;
};

function NodeRow({ row, place, now, selected, critical, open, onSelect, onToggle }: NodeRowProps) {
  const { node } = row;
  const { label, tone } = lookOf(node.status);
  const took = elapsed(node.startedAt, node.finishedAt, now);
  const name = node.label || node.id;
  return (
    <div className={cn("relative h-full", selected && "bg-accent-soft")}>
      {mayOpen(node) && (
        <button
          type="button"
          aria-expanded={open}
          aria-label={t("Remote tasks of {name}", { name })}
          onClick={onToggle}
          className="absolute top-0.5 left-1 z-10 grid size-6 place-items-center rounded-sm text-muted hover:bg-hover hover:text-ink"
        >
          <ChevronRight aria-hidden className={cn("size-3.5 transition-transform", open && "rotate-90")} />
        </button>
      )}
      <button
        type="button"
        aria-current={selected || undefined}
        onClick={onSelect}
        className={cn(GRID, "h-full w-full items-center text-left text-sm -outline-offset-2 hover:bg-hover")}
      >
        <span className="flex min-w-0 items-center gap-2 pl-5">
          <StatusIcon status={node.status} hidden className="size-3.5" />
          <span className={cn("truncate", critical && "underline decoration-2 underline-offset-4")}>
            {name}
          </span>
          <span className="sr-only">
            , {label},{critical && t(" on the critical path,")}
          </span>
        </span>
        <Bars segments={row.segments} tone={tone} place={place} dots={row.dots} underlined={critical} />
        <span className={cn("tabular text-right text-xs", took === null && TONE_TEXT[tone])}>
          {took !== null ? duration(took) : kept(node) ? t("Kept") : label}
        </span>
      </button>
    </div>
  );
}

type TaskRowProps = { row: Extract<Row, { kind: "task" }>; place: Place; onOpen: () => void };

function TaskRow({ row: { task, segments }, place, onOpen }: TaskRowProps) {
  const { label, tone } = lookOf(task.state);
  const ran = segments.filter((each) => each.phase !== "queued");
  const took = ran.length ? (ran.at(-1)?.to ?? 0) - (ran[0]?.from ?? 0) : null;
  const raw = task.tries.at(-1)?.raw;
  return (
    <button
      type="button"
      onClick={onOpen}
      title={raw ? `${label}: ${raw}` : label}
      className={cn(GRID, "h-full w-full items-center text-left text-xs -outline-offset-2 hover:bg-hover")}
    >
      <span className="flex min-w-0 items-center gap-1.5 pl-9 text-muted">
        <StatusIcon status={task.state} hidden className="size-3" />
        <span className="truncate font-mono">{task.label}</span>
        <span className="sr-only">, {label},</span>
        {task.tries.length > 1 && (
          <span className="tabular shrink-0 text-2xs">
            <span className="sr-only">{t("tries:")} </span>↻{task.tries.length}
          </span>
        )}
      </span>
      <Bars segments={segments} tone={tone} place={place} small />
      <span className={cn("tabular truncate text-right", took === null ? TONE_TEXT[tone] : "text-muted")}>
        {took === null ? (raw ?? label).replaceAll("_", " ") : duration(took)}
      </span>
    </button>
  );
}
