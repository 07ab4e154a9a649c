import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useMemo } from "react";
import { revisionQuery } from "@/api/queries";
import type { LogLine, NodeRun, RunDetail } from "@/api/types";
import { CallbacksTab } from "@/callbacks";
import { t } from "@/lib/text";
import { LogPane, type LogPlace } from "@/log";
import { Revealable } from "@/redaction";
import { Badge, CopyButton, Elapsed, IconButton, joined, StatusBadge, type Tab, Tabs } from "@/ui";
import { Attempts, FailureText } from "./attempts";
import { ConfigView } from "./config";
import { keySent } from "./correlation";
import { StatusHistory } from "./history";
import { Remote } from "./remote";
import { kept, RemoteRef, recorded } from "./steps";
import { mayOpen } from "./timeline";
import { type Other, ValueView } from "./value";

/** Another run that values can be held against. */
export type Beside = { runId: string; name: string };

type Props = {
  run: RunDetail;
  node: NodeRun;
  lines: readonly LogLine[];
  /** The last good run. */
  other: Beside | null;
  live: boolean;
  log: LogPlace;
  onLog: (change: LogPlace) => void;
  tab: string | undefined;
  onTab: (tab: string) => void;
  onClose: () => void;
};

/** One step: what it said, what went in, what was tried, what came out. */
export function NodePanel({ run, node, lines, other, live, log, onLog, tab, onTab, onClose }: Props) {
  const mine = lines.filter((line) => line.nodeId === node.id);
  const waits = node.type === "WaitForCallback";
  const told = mine.some((line) => line.level === "error" && line.source !== "baton");
  const before = useBefore(run, node);
  const sent = keySent(node);
  const beside = (what: string, value: (of: NodeRun) => unknown): Other[] => [
    ...(other ? [{ ...other, of: (found: RunDetail) => valueIn(found, node.id, value) }] : []),
    ...before.map((each) => ({
      runId: run.id,
      name: t("the output of {label}", { label: each.label || each.id }),
      mine: t("This step's {what}", { what }),
      of: (found: RunDetail) => valueIn(found, each.id, ({ output }) => output),
    })),
  ];
  const tabs: Tab[] = [
    {
      value: "log",
      label: t("Log"),
      count: mine.length,
      content: (
        <LogPane
          label={t("Log lines")}
          lines={mine}
          runId={run.id}
          file={`run-${run.number}-${node.id}`}
          begin={run.startedAt}
          place={log}
          onPlace={onLog}
          foot={
            mayOpen(node) &&
            node.finishedAt !== null &&
            !mine.some((line) => line.source === node.remote?.provider) && (
              <>
                {t("No lines of the platform itself were recorded.")} <RemoteRef node={node} />
              </>
            )
          }
        />
      ),
    },
    {
      value: "input",
      label: t("Input"),
      content: (
        <ValueView
          label={t("Input")}
          value={node.input}
          others={beside("input", (of) => of.input)}
          place={{ runId: run.id, part: "input", nodeId: node.id }}
        />
      ),
    },
    {
      value: "output",
      label: t("Output"),
      content: (
        <ValueView
          label={t("Output")}
          value={node.output}
          root={`${joined("nodes", node.id, false)}.output`}
          others={beside("output", (of) => of.output)}
          place={{ runId: run.id, part: "output", nodeId: node.id }}
        />
      ),
    },
    {
      value: "attempts",
      label: t("Attempts"),
      count: node.attempts.length,
      content: (
        <div className="min-h-0 flex-1 overflow-auto">
          <Attempts attempts={node.attempts} place={{ runId: run.id, part: "attempts", nodeId: node.id }} />
        </div>
      ),
    },
    ...(mayOpen(node)
      ? [{ value: "remote", label: t("Remote"), content: <Remote runId={run.id} node={node} live={live} /> }]
      : []),
    { value: "config", label: t("Config"), content: <ConfigView run={run} nodeId={node.id} /> },
    ...(waits
      ? [
          {
            value: "callbacks",
            label: t("Callbacks"),
            content: <CallbacksTab runId={run.id} nodeId={node.id} />,
          },
        ]
      : []),
  ];
  const usual = node.error
    ? told
      ? "log"
      : "attempts"
    : waits && node.status === "WAITING"
      ? "callbacks"
      : "output";
  const shown = tabs.some((each) => each.value === tab) && tab ? tab : usual;
  return (
    <section
      aria-label={t("Step {label}", { label: node.label || node.id })}
      className="flex h-full min-h-0 flex-col rounded-lg border bg-surface shadow-card"
    >
      <header className="flex shrink-0 flex-wrap items-center gap-x-2.5 gap-y-1 px-4 pt-2 pb-1">
        <h2 className="min-w-0 truncate font-semibold text-base">{node.label || node.id}</h2>
        <StatusBadge status={node.status} attempts={node.attempt} plain />
        <span className="text-muted text-xs">{node.type}</span>
        {node.port && node.port !== "out" && <Badge>{t("way out: {port}", { port: node.port })}</Badge>}
        {kept(node) ? (
          <Badge>{t("kept from the run before")}</Badge>
        ) : (
          <Elapsed from={node.startedAt} to={node.finishedAt} className="text-muted text-xs" />
        )}
        {recorded(node) && <Badge>{t("recorded in the run before")}</Badge>}
        <RemoteRef node={node} />
        {sent && (
          <CopyButton text={sent} label={t("Copy what the platform knows this call by: {sent}", { sent })} />
        )}
        <IconButton size="sm" icon={X} label={t("Close step")} className="ml-auto" onClick={onClose} />
      </header>
      <StatusHistory node={node} lines={mine} />
      {node.error && shown !== "attempts" && run.error?.nodeId !== node.id && (
        <div className="max-h-32 shrink-0 overflow-y-auto px-4 pb-2">
          <Revealable place={{ runId: run.id, part: "error", nodeId: node.id, whole: true }}>
            <FailureText failure={node.error} />
          </Revealable>
        </div>
      )}
      <Tabs
        label={t("Step")}
        className="flex-1"
        contentClassName="data-[state=active]:flex flex-col"
        value={shown}
        onChange={onTab}
        tabs={tabs}
      />
    </section>
  );
}

function valueIn(run: RunDetail, id: string, value: (of: NodeRun) => unknown): unknown {
  const found = run.nodes.find((each) => each.id === id);
  return found ? value(found) : null;
}

/** The steps whose wires lead to this one, by the revision that ran. */
function useBefore(run: RunDetail, node: NodeRun): NodeRun[] {
  const { data } = useQuery(revisionQuery(run.orchestratorId, run.revision));
  const sources = new Set(
    (data?.definition.edges ?? []).filter((edge) => edge.target === node.id).map((edge) => edge.source),
  );
  return run.nodes.filter((each) => sources.has(each.id) && each.finishedAt !== null);
}

type RunPanelProps = {
  run: RunDetail;
  lines: readonly LogLine[];
  log: LogPlace;
  onLog: (change: LogPlace) => void;
  onStep: (id: string) => void;
  tab: string | undefined;
  onTab: (tab: string) => void;
};

/** What stands beside the steps where none is selected: the whole log, and the run's waits. */
export function RunPanel({ run, lines, log, onLog, onStep, tab, onTab }: RunPanelProps) {
  const names = useMemo(() => new Map(run.nodes.map((node) => [node.id, node.label])), [run.nodes]);
  const waits = run.nodes.some((node) => node.type === "WaitForCallback");
  return (
    <section
      aria-label={t("The whole run")}
      className="flex h-full min-h-0 flex-col rounded-lg border bg-surface shadow-card"
    >
      <Tabs
        label={t("The whole run")}
        className="flex-1"
        contentClassName="data-[state=active]:flex flex-col"
        value={waits && tab === "callbacks" ? tab : "log"}
        onChange={onTab}
        aside={
          <p className="shrink-0 px-4 text-muted text-xs max-sm:hidden">
            {t("Select a step for its details")}
          </p>
        }
        tabs={[
          {
            value: "log",
            label: t("Log"),
            count: lines.length,
            content: (
              <LogPane
                label={t("Log lines")}
                lines={lines}
                runId={run.id}
                file={`run-${run.number}`}
                begin={run.startedAt}
                place={log}
                onPlace={onLog}
                steps={{ names, onStep }}
              />
            ),
          },
          ...(waits
            ? [{ value: "callbacks", label: t("Callbacks"), content: <CallbacksTab runId={run.id} /> }]
            : []),
        ]}
      />
    </section>
  );
}

type RunDataProps = {
  run: RunDetail;
  other: Beside | null;
  shown: string | undefined;
  onShow: (shown: string) => void;
};

/** The run's own inputs and result. */
export function RunData({ run, other, shown, onShow }: RunDataProps) {
  const beside = (value: (of: RunDetail) => unknown): Other[] => (other ? [{ ...other, of: value }] : []);
  return (
    <section
      aria-label={t("The run's data")}
      className="flex h-full min-h-0 flex-col rounded-lg border bg-surface shadow-card"
    >
      <Tabs
        label={t("The run's data")}
        className="flex-1"
        contentClassName="data-[state=active]:flex flex-col"
        value={shown === "inputs" || shown === "result" ? shown : run.output === null ? "inputs" : "result"}
        onChange={onShow}
        tabs={[
          {
            value: "result",
            label: t("Result"),
            content: (
              <ValueView
                label={t("Result")}
                value={run.output}
                others={beside((of) => of.output)}
                place={{ runId: run.id, part: "output" }}
              />
            ),
          },
          {
            value: "inputs",
            label: t("Inputs"),
            content: (
              <ValueView
                label={t("Inputs")}
                value={run.inputs}
                root="input"
                others={beside((of) => of.inputs)}
                place={{ runId: run.id, part: "inputs" }}
              />
            ),
          },
        ]}
      />
    </section>
  );
}
