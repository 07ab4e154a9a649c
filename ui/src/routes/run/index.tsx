import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Ban, GitCompare, Info, Pin, RotateCw } from "lucide-react";
import { useState } from "react";
import { useRunEvents, useRunLines } from "@/api/events";
import { toastProblem } from "@/api/problem";
import { ended, runQuery, useCancelRun, useKeepRun, useMay } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { useHotkeys } from "@/lib/hotkeys";
import { t } from "@/lib/text";
import { relative } from "@/lib/time";
import { sourceOf } from "@/log";
import {
  Badge,
  Button,
  ConfirmDialog,
  IconButton,
  Loaded,
  later,
  lookOf,
  Menu,
  NODE_STATES,
  Page,
  Popover,
  Section,
  Segmented,
  SkeletonRows,
  StatusBadge,
  StatusLegend,
} from "@/ui";
import { ArchivedLine } from "./archived";
import { Compare } from "./compare";
import { CauseLine, Facts, WaitingBanner } from "./head";
import { type Listed, useOthers } from "./last-good";
import { More } from "./more";
import { NodePanel, RunData, RunPanel } from "./node-panel";
import { RerunDialog } from "./rerun";
import type { Task } from "./segments";
import { StepList } from "./steps";
import { Timeline } from "./timeline";

const route = getRouteApi("/runs/$runId");

/** One run, as it happens or afterwards. The selected step and its tab stand in the address. */
export function RunPage() {
  const { runId } = route.useParams();
  const { again, node } = route.useSearch();
  const navigate = useNavigate({ from: "/runs/$runId" });
  const query = useQuery(runQuery(runId));
  const stream = useRunEvents(query.data ? runId : null);
  const may = useMay("operator");
  const run = query.data;
  const setAgain = (open: boolean) =>
    void navigate({ search: (before) => ({ ...before, again: open || undefined }), replace: true });
  return (
    <Page
      title={run ? `${run.orchestratorName} #${run.number}` : t("Run")}
      layout="fill"
      badge={
        run && (
          <>
            <StatusBadge status={run.status} />
            {run.keep && <Badge>{t("Kept")}</Badge>}
            {run.trigger.kind === "recorded" && <Badge>{t("Recorded, nobody called")}</Badge>}
            {stream === "live" && <Badge tone="running">{t("Live")}</Badge>}
            {stream === "waiting" && <Badge tone="warning">{t("Reconnecting")}</Badge>}
          </>
        )
      }
      actions={
        <>
          <Popover
            label={t("What the states mean")}
            align="end"
            trigger={<IconButton icon={Info} label={t("What the states mean")} />}
          >
            <StatusLegend of={NODE_STATES} />
          </Popover>
          {run && may && <Keep run={run} />}
          {run && <CompareMenu run={run} />}
          {run &&
            may &&
            (ended(run.status) ? (
              <Button icon={RotateCw} variant="primary" onClick={() => setAgain(true)}>
                {t("Re-run …")}
              </Button>
            ) : (
              <Cancel run={run} />
            ))}
          {run && <More run={run} node={node} may={may} />}
        </>
      }
      bar={run && <Facts run={run} />}
    >
      <Loaded query={query} title={t("This run cannot be shown")}>
        {(found) => (
          <>
            <Content run={found} loading={stream !== "ended"} />
            {again && may && ended(found.status) && <Rerun run={found} onClose={() => setAgain(false)} />}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Rerun({ run, onClose }: { run: RunDetail; onClose: () => void }) {
  const { node } = route.useSearch();
  const known = run.nodes.some((each) => each.id === node);
  return <RerunDialog key={run.id} run={run} chosen={known && node ? node : null} onClose={onClose} />;
}

function Content({ run, loading }: { run: RunDetail; loading: boolean }) {
  const search = route.useSearch();
  const navigate = useNavigate({ from: "/runs/$runId" });
  const lines = useRunLines(run.id);
  const { good } = useOthers(run);
  const node = run.nodes.find((each) => each.id === search.node);
  const go = (change: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  // The log of another step begins anew; only what is asked for here goes with it.
  const fresh = { line: undefined, find: undefined, source: undefined, level: undefined, full: undefined };
  const select = (id: string) => go({ ...fresh, node: id, tab: node ? search.tab : undefined });
  const close = () => go({ ...fresh, node: undefined, tab: undefined });
  const open = (id: string) => go({ ...fresh, node: id, tab: undefined });
  useHotkeys({ escape: close }, node !== undefined);
  const showTask = (nodeId: string, task: Task) => {
    const last = task.tries.at(-1);
    const provider = run.nodes.find((each) => each.id === nodeId)?.remote?.provider;
    const source = `${provider}/${task.id}/${last?.attempt ?? 1}`;
    const told = lines.some((line) => line.nodeId === nodeId && sourceOf(line) === source);
    go({ ...fresh, node: nodeId, ...(told ? { tab: "log", source } : { tab: "remote" }) });
  };
  const other = good && { runId: good.id, name: t("#{number}, the last good run", { number: good.number }) };
  if (search.compare)
    return <Compare run={run} otherId={search.compare} onClose={() => go({ compare: undefined })} />;
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-3 overflow-y-auto lg:overflow-visible">
      <ArchivedLine run={run} />
      <CauseLine run={run} lines={lines} onGo={open} />
      <WaitingBanner run={run} onGo={open} />
      <div className="grid min-h-0 shrink-0 gap-3 lg:flex-1 lg:shrink lg:grid-cols-[minmax(0,9fr)_minmax(0,11fr)] lg:grid-rows-[minmax(0,1fr)]">
        <div className="flex min-h-0 flex-col gap-3">
          <Section
            title={t("Steps")}
            flush
            className={
              search.view === "canvas"
                ? "h-[26rem] overflow-hidden lg:h-auto lg:flex-[2_1_18rem]"
                : "max-h-[28rem] min-h-32 overflow-hidden lg:max-h-none lg:shrink"
            }
            actions={<Views view={search.view} onView={(view) => go({ view })} />}
          >
            {search.view === "canvas" ? (
              <RunCanvas
                run={run}
                lines={lines}
                loading={loading}
                selected={node?.id ?? null}
                onSelect={select}
                onClose={close}
              />
            ) : search.view === "list" ? (
              <StepList run={run} selected={node?.id ?? null} onSelect={select} />
            ) : (
              <Timeline
                run={run}
                lines={lines}
                selected={node?.id ?? null}
                onSelect={select}
                opened={search.open ?? NONE}
                onOpen={(opened) => go({ open: opened.length ? opened : undefined })}
                onTask={showTask}
              />
            )}
          </Section>
          <div className="h-64 min-h-40 lg:h-auto lg:flex-[1_1_12rem]">
            <RunData run={run} other={other} shown={search.data} onShow={(data) => go({ data })} />
          </div>
        </div>
        <div className="h-[34rem] min-h-0 min-w-0 lg:h-auto">
          {node ? (
            <NodePanel
              key={node.id}
              run={run}
              node={node}
              lines={lines}
              other={other}
              live={!ended(run.status)}
              log={search}
              onLog={go}
              tab={search.tab}
              onTab={(tab) => go({ tab })}
              onClose={close}
            />
          ) : (
            <RunPanel
              run={run}
              lines={lines}
              log={search}
              onLog={go}
              onStep={open}
              tab={search.tab}
              onTab={(tab) => go({ tab })}
            />
          )}
        </div>
      </div>
    </div>
  );
}

const NONE: readonly string[] = [];

/** The drawing weighs more than the rest of this page. */
const RunCanvas = later(
  () => import("@/canvas/replay/run-canvas").then((found) => found.RunCanvas),
  () => <SkeletonRows />,
);

type ViewsProps = { view: string | undefined; onView: (view: string | undefined) => void };

/** The same steps as bars, on the drawing, or as a table, with the same one selected. */
function Views({ view, onView }: ViewsProps) {
  return (
    <Segmented
      label={t("Steps as")}
      value={view === "list" || view === "canvas" ? view : "timeline"}
      onChange={(next) => onView(next === "timeline" ? undefined : next)}
      options={[
        { value: "timeline", label: t("Timeline") },
        { value: "canvas", label: t("Canvas") },
        { value: "list", label: t("List") },
      ]}
    />
  );
}

/** Another run to hold this one against: the last good one is offered first. */
function CompareMenu({ run }: { run: RunDetail }) {
  const navigate = useNavigate({ from: "/runs/$runId" });
  const { good, others } = useOthers(run);
  const compare = (id: string) => () => void navigate({ search: (before) => ({ ...before, compare: id }) });
  const before = others.find((each) => each.id === run.retryOf);
  const rest = others.filter((each) => each !== before && each.id !== good?.id).slice(0, 8);
  const named = (each: Listed) =>
    `#${each.number}, ${lookOf(each.status).label.toLowerCase()}, ${relative(each.createdDate)}`;
  return (
    <Menu
      align="end"
      trigger={
        <Button icon={GitCompare} disabled={!good && !others.length}>
          {t("Compare")}
        </Button>
      }
      items={[
        ...(good
          ? [{ heading: t("The last good run") }, { label: named(good), onSelect: compare(good.id) }]
          : []),
        ...(before
          ? [{ heading: t("What it repeats") }, { label: named(before), onSelect: compare(before.id) }]
          : []),
        ...(rest.length ? [{ heading: t("Others") }] : []),
        ...rest.map((each) => ({ label: named(each), onSelect: compare(each.id) })),
      ]}
    />
  );
}

/** Kept for ever, whatever retention says. */
function Keep({ run }: { run: RunDetail }) {
  const keep = useKeepRun();
  return (
    <IconButton
      icon={Pin}
      label={t("Keep this run for ever")}
      pressed={run.keep}
      disabled={keep.isPending}
      onClick={() =>
        keep.mutate(
          { id: run.id, keep: !run.keep },
          { onError: (error) => toastProblem(error, t("The run was not changed")) },
        )
      }
    />
  );
}

function Cancel({ run }: { run: RunDetail }) {
  const [open, setOpen] = useState(false);
  const cancel = useCancelRun();
  return (
    <>
      <Button variant="danger" icon={Ban} onClick={() => setOpen(true)}>
        {t("Cancel run")}
      </Button>
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title={t("Cancel run {number}?", { number: run.number })}
        action={t("Cancel run")}
        pending={cancel.isPending}
        onConfirm={() =>
          cancel.mutate(run.id, {
            onSuccess: () => setOpen(false),
            onError: (error) => toastProblem(error, t("The run was not cancelled")),
          })
        }
      >
        {t(
          "What runs on a platform is stopped where the platform can do that; elsewhere it goes on by itself.",
        )}
      </ConfirmDialog>
    </>
  );
}
