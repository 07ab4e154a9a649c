import { Link } from "@tanstack/react-router";
import { Ban, RotateCw } from "lucide-react";
import { ended } from "@/api/queries";
import type { Run } from "@/api/types";
import { Badge, type Column, Elapsed, IconButton, StatusBadge, Timestamp } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";

type Actions = { may: boolean; onCancel: (run: Run) => void };

/** The columns of the list; the last one holds what can be done with the row. */
export function columnsOf({ may, onCancel }: Actions): Column<Run>[] {
  return [
    {
      key: "status",
      header: "Status",
      width: "104px",
      cell: (run) => <StatusBadge status={run.status} plain className="flex" />,
    },
    {
      key: "number",
      header: "Run",
      width: "56px",
      align: "end",
      cell: (run) => <span className="tabular text-muted">#{run.number}</span>,
    },
    {
      key: "name",
      header: "Orchestrator",
      width: "minmax(0, 1.4fr)",
      cell: (run) => (
        <>
          <span className="font-medium">{run.orchestratorName}</span>{" "}
          <span className="text-muted text-xs">r{run.revision}</span>
        </>
      ),
    },
    {
      key: "message",
      header: "What happened",
      width: "minmax(0, 2fr)",
      wide: true,
      cell: (run) => <Message run={run} />,
    },
    {
      key: "trigger",
      header: "Trigger",
      width: "168px",
      wide: true,
      cell: (run) => (
        <span className="text-muted" title={`${TRIGGERS[run.trigger.kind]} · ${run.trigger.by}`}>
          {TRIGGERS[run.trigger.kind]} · {run.trigger.by}
        </span>
      ),
    },
    {
      key: "started",
      header: "Started",
      width: "96px",
      wide: true,
      cell: (run) => <Timestamp at={run.startedAt ?? run.createdDate} className="text-muted" />,
    },
    {
      key: "took",
      header: "Duration",
      width: "76px",
      align: "end",
      cell: (run) => <Elapsed from={run.startedAt} to={run.finishedAt} />,
    },
    {
      key: "do",
      header: <span className="sr-only">Actions</span>,
      width: "32px",
      cell: (run) =>
        may && (
          // biome-ignore lint/a11y: keeps a click or a key on the button from opening the row
          <div
            onClick={(event) => event.stopPropagation()}
            onDoubleClick={(event) => event.stopPropagation()}
          >
            <Action run={run} onCancel={onCancel} />
          </div>
        ),
    },
  ];
}

function Action({ run, onCancel }: { run: Run; onCancel: (run: Run) => void }) {
  if (!ended(run.status)) {
    return (
      <IconButton size="sm" icon={Ban} label={`Cancel run ${run.number}`} onClick={() => onCancel(run)} />
    );
  }
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: run.id }}
      search={{ again: true }}
      aria-label={`Re-run ${run.number}`}
      title="Re-run …"
      className="grid size-7 place-items-center rounded-md text-ink hover:bg-hover"
    >
      <RotateCw aria-hidden className="size-4" />
    </Link>
  );
}

function Message({ run }: { run: Run }) {
  const labels = Object.entries(run.labels);
  return (
    <span className="flex min-w-0 items-center gap-1.5">
      {run.error ? (
        <span className="truncate text-st-failed" title={run.error.message}>
          {run.error.message}
        </span>
      ) : (
        run.waiting.length > 0 && (
          <span className="truncate text-muted">
            Waits at {run.waiting.map((each) => each.nodeId).join(", ")}
          </span>
        )
      )}
      {labels.slice(0, 3).map(([key, value]) => (
        <Badge key={key} className="max-w-40 shrink">
          <span className="truncate">
            {key}:{value}
          </span>
        </Badge>
      ))}
    </span>
  );
}
