import { useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Ban, Info, RotateCw } from "lucide-react";
import { useState } from "react";
import { useRunEvents, useRunLines } from "@/api/events";
import { toastProblem } from "@/api/problem";
import { ended, runQuery, useCancelRun, useMay } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { useHotkeys } from "@/lib/hotkeys";
import { usePersistent } from "@/lib/persist";
import {
  Badge,
  Button,
  ConfirmDialog,
  IconButton,
  Loaded,
  NODE_STATES,
  Page,
  Popover,
  ResizeHandle,
  Section,
  Segmented,
  StatusBadge,
  StatusLegend,
} from "@/ui";
import { ErrorBanner, Facts, WaitingBanner } from "./head";
import { LogPane } from "./log";
import { NodePanel, RunData } from "./node-panel";
import { RerunDialog } from "./rerun";
import { StepList } from "./steps";
import { Timeline } from "./timeline";

const route = getRouteApi("/runs/$runId");

/** One run, as it happens or afterwards. The selected step and its tab stand in the address. */
export function RunPage() {
  const { runId } = route.useParams();
  const { again } = route.useSearch();
  const navigate = useNavigate({ from: "/runs/$runId" });
  const query = useQuery(runQuery(runId));
  const stream = useRunEvents(query.data ? runId : null);
  const may = useMay("operator");
  const run = query.data;
  const setAgain = (open: boolean) =>
    void navigate({ search: (before) => ({ ...before, again: open || undefined }), replace: true });
  return (
    <Page
      title={run ? `${run.orchestratorName} #${run.number}` : "Run"}
      layout="fill"
      badge={
        run && (
          <>
            <StatusBadge status={run.status} />
            {stream === "live" && <Badge tone="running">Live</Badge>}
            {stream === "waiting" && <Badge tone="warning">Reconnecting</Badge>}
          </>
        )
      }
      actions={
        <>
          <Popover
            label="What the states mean"
            align="end"
            trigger={<IconButton icon={Info} label="What the states mean" />}
          >
            <StatusLegend of={NODE_STATES} />
          </Popover>
          {run &&
            may &&
            (ended(run.status) ? (
              <Button icon={RotateCw} variant="primary" onClick={() => setAgain(true)}>
                Re-run …
              </Button>
            ) : (
              <Cancel run={run} />
            ))}
        </>
      }
      bar={run && <Facts run={run} />}
    >
      <Loaded query={query} title="This run cannot be shown">
        {(found) => (
          <>
            <Content run={found} />
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

function Content({ run }: { run: RunDetail }) {
  const { node: selected, tab, view } = route.useSearch();
  const navigate = useNavigate({ from: "/runs/$runId" });
  const lines = useRunLines(run.id);
  const [height, setHeight] = usePersistent("run:log", 230);
  const node = run.nodes.find((each) => each.id === selected);
  const go = (change: { node?: string; tab?: string; view?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  const select = (id: string) => go({ node: id, tab: node ? tab : undefined });
  const close = () => go({ node: undefined, tab: undefined });
  useHotkeys({ escape: close }, node !== undefined);
  const Steps = view === "list" ? StepList : Timeline;
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-3 overflow-y-auto lg:overflow-visible">
      <ErrorBanner run={run} onGo={(id) => go({ node: id, tab: undefined })} />
      <WaitingBanner run={run} onGo={(id) => go({ node: id, tab: undefined })} />
      <div className="grid min-h-0 shrink-0 gap-3 lg:flex-1 lg:shrink lg:grid-cols-2 lg:grid-rows-[minmax(0,1fr)]">
        <Section
          title="Steps"
          flush
          className="min-h-0"
          actions={
            <Segmented
              label="Steps as"
              value={view === "list" ? "list" : "timeline"}
              onChange={(next) => go({ view: next === "list" ? "list" : undefined })}
              options={[
                { value: "timeline", label: "Timeline" },
                { value: "list", label: "List" },
              ]}
            />
          }
        >
          <Steps run={run} selected={node?.id ?? null} onSelect={select} />
        </Section>
        <div className="h-96 min-h-0 min-w-0 lg:h-auto">
          {node ? (
            <NodePanel
              node={node}
              lines={lines}
              tab={tab}
              onTab={(next) => go({ tab: next })}
              onClose={close}
            />
          ) : (
            <RunData run={run} tab={tab} onTab={(next) => go({ tab: next })} />
          )}
        </div>
      </div>
      <section
        aria-label="Log"
        style={{ height }}
        className="relative shrink-0 rounded-lg border bg-surface shadow-card"
      >
        <ResizeHandle
          side="bottom"
          size={height}
          min={120}
          max={700}
          onSize={setHeight}
          label="Height of the log"
        />
        <LogPane lines={lines} />
      </section>
    </div>
  );
}

function Cancel({ run }: { run: RunDetail }) {
  const [open, setOpen] = useState(false);
  const cancel = useCancelRun();
  return (
    <>
      <Button variant="danger" icon={Ban} onClick={() => setOpen(true)}>
        Cancel run
      </Button>
      <ConfirmDialog
        open={open}
        onOpenChange={setOpen}
        title={`Cancel run ${run.number}?`}
        action="Cancel run"
        pending={cancel.isPending}
        onConfirm={() =>
          cancel.mutate(run.id, {
            onSuccess: () => setOpen(false),
            onError: (error) => toastProblem(error, "The run was not cancelled"),
          })
        }
      >
        What runs on a platform is stopped where the platform can do that; elsewhere it goes on by itself.
      </ConfirmDialog>
    </>
  );
}
