import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { CircleCheck, ClockAlert, Copy, FileX, Inbox, Lock, type LucideIcon } from "lucide-react";
import { useMemo } from "react";
import { callbacksQuery, sessionQuery, useMay } from "@/api/queries";
import type { Received, Verdict } from "@/api/types";
import {
  Badge,
  Button,
  type Column,
  EmptyState,
  Loaded,
  Page,
  Segmented,
  Table,
  Timestamp,
  type Tone,
} from "@/ui";

const route = getRouteApi("/inbound");

const VERDICTS: Record<Verdict, { label: string; icon: LucideIcon; tone: Tone; meaning: string }> = {
  accepted: { label: "Accepted", icon: CircleCheck, tone: "done", meaning: "The run went on with it" },
  duplicate: {
    label: "Duplicate",
    icon: Copy,
    tone: "cancelled",
    meaning: "One had come before; this one changed nothing",
  },
  gone: {
    label: "Too late",
    icon: ClockAlert,
    tone: "timeout",
    meaning: "The wait was over, or the run had ended",
  },
  invalid: {
    label: "Invalid",
    icon: FileX,
    tone: "failed",
    meaning: "Not what the step expects; the wait stayed open",
  },
};

const columns: Column<Received>[] = [
  {
    key: "verdict",
    header: "Verdict",
    width: "104px",
    cell: ({ verdict }) => {
      const { label, icon: Icon, tone } = VERDICTS[verdict];
      return (
        <Badge tone={tone}>
          <Icon aria-hidden className="size-3" />
          {label}
        </Badge>
      );
    },
  },
  {
    key: "run",
    header: "Run",
    width: "minmax(0, 2fr)",
    cell: (row) => (
      <Link
        to="/runs/$runId"
        params={{ runId: row.runId }}
        search={{ node: row.nodeId }}
        onClick={(event) => event.stopPropagation()}
        className="hover:underline"
      >
        <span className="font-medium">{row.orchestratorName}</span>{" "}
        <span className="tabular text-muted">#{row.runNumber}</span>
      </Link>
    ),
  },
  { key: "node", header: "Step", width: "minmax(0, 1fr)", wide: true, cell: (row) => row.nodeLabel },
  {
    key: "meaning",
    header: "What it did",
    width: "minmax(0, 2fr)",
    wide: true,
    cell: (row) => <span className="text-muted">{VERDICTS[row.verdict].meaning}</span>,
  },
  {
    key: "at",
    header: "Received",
    width: "96px",
    cell: (row) => <Timestamp at={row.receivedAt} className="text-muted" />,
  },
];

const FILTERS = [
  { value: "all", label: "All" },
  ...Object.entries(VERDICTS).map(([value, { label }]) => ({ value: value as Verdict, label })),
] as const;

/** What came in from outside: every callback of a run's wait, and what the sender was told. */
export function InboundPage() {
  const session = useQuery(sessionQuery);
  const may = useMay("operator");
  const { verdict } = route.useSearch();
  const navigate = useNavigate({ from: "/inbound" });
  return (
    <Page
      title="Inbound"
      description="Callbacks that came in for waiting runs, and what the sender was told."
      layout="fill"
      actions={
        <Button asChild>
          <Link to="/runs" search={{ status: ["WAITING"] }}>
            Runs that wait
          </Link>
        </Button>
      }
      bar={
        may && (
          <Segmented<Verdict | "all">
            label="Verdict"
            value={verdict ?? "all"}
            onChange={(next) =>
              void navigate({ search: { verdict: next === "all" ? undefined : next }, replace: true })
            }
            options={FILTERS}
          />
        )
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={session}>
          {({ role }) =>
            may ? (
              <Callbacks verdict={verdict} />
            ) : (
              <EmptyState icon={Lock} title="Operators see what came in">
                Your role is {role}. Each run's own history tells about its callbacks.
              </EmptyState>
            )
          }
        </Loaded>
      </div>
    </Page>
  );
}

function Callbacks({ verdict }: { verdict?: Verdict }) {
  const navigate = useNavigate();
  const query = useInfiniteQuery({ ...callbacksQuery(verdict), refetchInterval: 10_000 });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return (
    <Loaded query={query}>
      {() =>
        rows.length ? (
          <Table
            label="Callbacks"
            columns={columns}
            rows={rows}
            rowId={(row) => String(row.id)}
            onOpen={(row) =>
              void navigate({
                to: "/runs/$runId",
                params: { runId: row.runId },
                search: { node: row.nodeId },
              })
            }
            hasMore={query.hasNextPage}
            loadingMore={query.isFetchingNextPage}
            onEnd={() => void query.fetchNextPage()}
          />
        ) : (
          <EmptyState
            icon={Inbox}
            title={verdict ? `No callback was told “${VERDICTS[verdict].label}”` : "Nothing came in yet"}
          >
            {verdict
              ? "Choose All to see the others."
              : "A run that waits for a callback has an address for it; what is sent there is listed here."}
          </EmptyState>
        )
      }
    </Loaded>
  );
}
