import { X } from "lucide-react";
import type { LogLine, NodeRun, RunDetail } from "@/api/types";
import { Badge, Elapsed, IconButton, JsonView, StatusBadge, Tabs } from "@/ui";
import { Attempts, FailureText } from "./attempts";
import { LogLines } from "./log";
import { kept, RemoteRef } from "./steps";

type Props = {
  node: NodeRun;
  lines: readonly LogLine[];
  tab: string | undefined;
  onTab: (tab: string) => void;
  onClose: () => void;
};

const TABS = ["input", "attempts", "output", "log"];

/** One step: what went in, what was tried, what came out. */
export function NodePanel({ node, lines, tab, onTab, onClose }: Props) {
  const mine = lines.filter((line) => line.nodeId === node.id);
  const shown = tab !== undefined && TABS.includes(tab) ? tab : node.error ? "attempts" : "output";
  const pad = "overflow-y-auto";
  return (
    <section
      aria-label={`Step ${node.label || node.id}`}
      className="flex h-full min-h-0 flex-col rounded-lg border bg-surface shadow-card"
    >
      <header className="flex shrink-0 flex-wrap items-center gap-x-2.5 gap-y-1 px-4 pt-2 pb-1">
        <h2 className="min-w-0 truncate font-semibold text-base">{node.label || node.id}</h2>
        <StatusBadge status={node.status} attempts={node.attempt} plain />
        <span className="text-muted text-xs">{node.type}</span>
        {node.port && node.port !== "out" && <Badge>way out: {node.port}</Badge>}
        {kept(node) ? (
          <Badge>kept from the run before</Badge>
        ) : (
          <Elapsed from={node.startedAt} to={node.finishedAt} className="text-muted text-xs" />
        )}
        <RemoteRef node={node} />
        <IconButton size="sm" icon={X} label="Close step" className="ml-auto" onClick={onClose} />
      </header>
      {node.error && shown !== "attempts" && (
        <div className="shrink-0 px-4 pb-2">
          <FailureText failure={node.error} />
        </div>
      )}
      <Tabs
        label="Step"
        className="flex-1"
        contentClassName="data-[state=active]:flex flex-col"
        value={shown}
        onChange={onTab}
        tabs={[
          { value: "input", label: "Input", content: <Value value={node.input} className={pad} /> },
          {
            value: "attempts",
            label: "Attempts",
            count: node.attempts.length,
            content: (
              <div className={pad}>
                <Attempts attempts={node.attempts} />
              </div>
            ),
          },
          { value: "output", label: "Output", content: <Value value={node.output} className={pad} /> },
          {
            value: "log",
            label: "Log",
            count: mine.length,
            content: <LogLines label="Lines of this step" lines={mine} />,
          },
        ]}
      />
    </section>
  );
}

/** What stands where no step is selected: the run's own inputs and result. */
export function RunData({
  run,
  tab,
  onTab,
}: {
  run: RunDetail;
  tab: string | undefined;
  onTab: (tab: string) => void;
}) {
  return (
    <section
      aria-label="The run's data"
      className="flex h-full min-h-0 flex-col rounded-lg border bg-surface shadow-card"
    >
      <Tabs
        label="The run's data"
        className="flex-1"
        contentClassName="data-[state=active]:flex flex-col"
        value={tab === "input" ? "input" : "output"}
        onChange={onTab}
        aside={
          <p className="shrink-0 px-4 text-muted text-xs max-sm:hidden">Select a step for its details</p>
        }
        tabs={[
          {
            value: "output",
            label: "Result",
            content: <Value value={run.output} className="overflow-y-auto" />,
          },
          {
            value: "input",
            label: "Inputs",
            content: <Value value={run.inputs} className="overflow-y-auto" />,
          },
        ]}
      />
    </section>
  );
}

function Value({ value, className }: { value: unknown; className: string }) {
  return (
    <div className={className}>
      {value === null || value === undefined ? (
        <p className="p-4 text-muted text-sm">Nothing.</p>
      ) : (
        <JsonView value={value} className="p-4" />
      )}
    </div>
  );
}
