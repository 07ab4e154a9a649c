import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { ArrowRight, Inbox, Lock, Pause, Play, Redo2, ShieldAlert } from "lucide-react";
import { useMemo, useState } from "react";
import { burstsQuery, callbackQuery, callbacksQuery, sessionQuery, useMay } from "@/api/queries";
import type { Received, Verdict } from "@/api/types";
import { CallbackBody, lookOfAttempt, ReplayDialog, VERDICTS, VerdictBadge } from "@/callbacks";
import { t } from "@/lib/text";
import { absolute } from "@/lib/time";
import {
  Button,
  type Column,
  Drawer,
  EmptyState,
  Loaded,
  Page,
  SearchInput,
  Select,
  Table,
  Timestamp,
} from "@/ui";

const route = getRouteApi("/inbound");

const columns: Column<Received>[] = [
  {
    key: "verdict",
    header: t("Verdict"),
    width: "104px",
    cell: (row) => <VerdictBadge look={lookOfAttempt(row)} />,
  },
  {
    key: "run",
    header: t("Run"),
    width: "minmax(0, 2fr)",
    cell: (row) => (
      <>
        <span className="font-medium">{row.orchestratorName}</span>{" "}
        <span className="tabular text-muted">#{row.runNumber}</span>
      </>
    ),
  },
  {
    key: "node",
    header: t("Step"),
    width: "minmax(0, 1fr)",
    wide: true,
    cell: (row) => row.nodeLabel ?? <span className="text-muted">{t("none has this token")}</span>,
  },
  {
    key: "from",
    header: t("From"),
    width: "minmax(0, 1fr)",
    wide: true,
    cell: (row) => <span className="text-muted">{row.by ?? row.sender ?? "–"}</span>,
  },
  {
    key: "meaning",
    header: t("What it did"),
    width: "minmax(0, 2fr)",
    wide: true,
    cell: (row) => <span className="text-muted">{lookOfAttempt(row).meaning}</span>,
  },
  {
    key: "at",
    header: t("Received"),
    width: "96px",
    cell: (row) => <Timestamp at={row.receivedAt} className="text-muted" />,
  },
];

const FILTERS = [
  { value: "all", label: t("All verdicts") },
  ...Object.entries(VERDICTS).map(([value, { label }]) => ({ value, label })),
];

/** What came in from outside: every callback of a run's wait, and what the sender was told. */
export function InboundPage() {
  const session = useQuery(sessionQuery);
  const may = useMay("operator");
  const { verdict, q = "", open } = route.useSearch();
  const navigate = useNavigate({ from: "/inbound" });
  const [paused, setPaused] = useState(false);
  const go = (change: { verdict?: Verdict; q?: string; open?: number }) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true });
  return (
    <Page
      title={t("Inbound")}
      description={t("Callbacks that came in for waiting runs, and what the sender was told.")}
      layout="fill"
      actions={
        <Button asChild>
          <Link to="/runs" search={{ status: ["WAITING"] }}>
            {t("Runs that wait")}
          </Link>
        </Button>
      }
      bar={
        may && (
          <div className="flex flex-wrap items-center gap-2">
            <SearchInput
              label={t("Search by name, sender or #run")}
              className="w-72 max-w-full"
              value={q}
              onChange={(next) => go({ q: next || undefined })}
            />
            <Select
              label={t("Verdict")}
              className="w-40"
              value={verdict ?? "all"}
              onChange={(next) => go({ verdict: next === "all" ? undefined : (next as Verdict) })}
              options={FILTERS}
            />
            <span className="flex-1" />
            <span role="status" className="text-muted text-xs">
              {paused ? t("Paused: new ones are not shown") : t("Live")}
            </span>
            <Button size="sm" icon={paused ? Play : Pause} onClick={() => setPaused(!paused)}>
              {paused ? t("Go on") : t("Pause")}
            </Button>
          </div>
        )
      }
    >
      {may && <Bursts />}
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={session}>
          {({ role }) =>
            may ? (
              <Callbacks
                verdict={verdict}
                q={q}
                paused={paused}
                onOpen={(id) => go({ open: id })}
                open={open}
              />
            ) : (
              <EmptyState icon={Lock} title={t("Operators see what came in")}>
                {t("Your role is {role}. Each run's own history tells about its callbacks.", { role })}
              </EmptyState>
            )
          }
        </Loaded>
      </div>
      {may && open !== undefined && <Details id={open} onClose={() => go({ open: undefined })} />}
    </Page>
  );
}

/** Whoever is refused again and again: a sender with a wrong secret, or somebody who should not be there. */
function Bursts() {
  const { data = [] } = useQuery({ ...burstsQuery, refetchInterval: 10_000 });
  if (!data.length) return null;
  return (
    <ul aria-label={t("Bursts of refused calls")} className="mb-3 flex flex-col gap-1.5">
      {data.map((burst) => (
        <li
          key={burst.id}
          className="flex flex-wrap items-center gap-x-2 rounded-lg border border-st-warning bg-surface px-3 py-2 text-sm"
        >
          <ShieldAlert aria-hidden className="size-4 shrink-0 text-st-warning" />
          <span className="font-medium">{burst.name}</span>
          <span className="text-muted">{burst.cause}</span>
          <Timestamp at={burst.openedDate} className="ml-auto text-muted text-xs" />
        </li>
      ))}
    </ul>
  );
}

type ListProps = {
  verdict?: Verdict;
  q: string;
  paused: boolean;
  open?: number;
  onOpen: (id: number) => void;
};

function Callbacks({ verdict, q, paused, open, onOpen }: ListProps) {
  const filter = { ...(verdict && { verdict }), ...(q && { q }) };
  const query = useInfiniteQuery({
    ...callbacksQuery(filter),
    refetchInterval: paused ? false : 3000,
    refetchOnWindowFocus: !paused,
  });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return (
    <Loaded query={query}>
      {() =>
        rows.length ? (
          <Table
            label={t("Callbacks")}
            columns={columns}
            rows={rows}
            rowId={(row) => String(row.id)}
            selected={open === undefined ? null : String(open)}
            onSelect={(row) => onOpen(row.id)}
            onOpen={(row) => onOpen(row.id)}
            hasMore={query.hasNextPage && !query.isPlaceholderData}
            loadingMore={query.isFetchingNextPage}
            onEnd={() => void query.fetchNextPage()}
          />
        ) : (
          <EmptyState
            icon={Inbox}
            title={
              q
                ? t("Nothing fits “{q}”", { q })
                : verdict
                  ? t("No callback was told “{label}”", { label: VERDICTS[verdict].label })
                  : t("Nothing came in yet")
            }
          >
            {q || verdict
              ? t("Widen the search, or choose all verdicts, to see the others.")
              : t(
                  "A run that waits for a callback has an address for it; what is sent there is listed here.",
                )}
          </EmptyState>
        )
      }
    </Loaded>
  );
}

/** One callback: its body, its run, and sending it again. */
function Details({ id, onClose }: { id: number; onClose: () => void }) {
  const query = useQuery(callbackQuery(id));
  const navigate = useNavigate();
  const [again, setAgain] = useState(false);
  const found = query.data;
  return (
    <Drawer
      open
      onOpenChange={(shown) => !shown && onClose()}
      title={t("Callback {id}", { id })}
      description={found && `${found.orchestratorName} #${found.runNumber}`}
      footer={
        found && (
          <>
            <Button
              icon={ArrowRight}
              onClick={() =>
                void navigate({
                  to: "/runs/$runId",
                  params: { runId: found.runId },
                  search: { node: found.nodeId ?? undefined, tab: "callbacks" },
                })
              }
            >
              {t("Open the run")}
            </Button>
            {found.size !== null && (
              <Button variant="primary" icon={Redo2} onClick={() => setAgain(true)}>
                {t("Replay …")}
              </Button>
            )}
          </>
        )
      }
    >
      <Loaded query={query} compact title={t("This callback cannot be shown")}>
        {(item) => (
          <div className="flex flex-col gap-4">
            <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5 text-sm">
              <dt className="text-muted">{t("Verdict")}</dt>
              <dd>
                <VerdictBadge look={lookOfAttempt(item)} />
                <p className="text-muted text-xs">{lookOfAttempt(item).meaning}.</p>
              </dd>
              <dt className="text-muted">{t("Received")}</dt>
              <dd>{absolute(item.receivedAt)}</dd>
              <dt className="text-muted">{t("From")}</dt>
              <dd>{item.by ?? item.sender ?? t("not known")}</dd>
              {item.reason && (
                <>
                  <dt className="text-muted">{t("Reason")}</dt>
                  <dd>{item.reason}</dd>
                </>
              )}
              <dt className="text-muted">{t("Step")}</dt>
              <dd>{item.nodeLabel ?? t("none has this token")}</dd>
            </dl>
            <section aria-label={t("Body")} className="rounded-md bg-sunken p-3">
              <CallbackBody id={item.id} size={item.size} />
            </section>
          </div>
        )}
      </Loaded>
      {again && found && (
        <ReplayDialog
          id={id}
          runId={found.runId}
          orchestratorId={found.orchestratorId}
          onClose={() => setAgain(false)}
        />
      )}
    </Drawer>
  );
}
