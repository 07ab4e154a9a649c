import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Info, ListTree } from "lucide-react";
import { useMemo, useState } from "react";
import { toastProblem } from "@/api/problem";
import { ended, runsQuery, useCancelRun, useMay } from "@/api/queries";
import type { Run } from "@/api/types";
import {
  Button,
  ConfirmDialog,
  EmptyState,
  IconButton,
  Loaded,
  Page,
  Popover,
  RUN_STATES,
  StatusLegend,
  Table,
} from "@/ui";
import { columnsOf } from "./columns";
import { Filters, filterOf, type RunsSearch } from "./filters";

const route = getRouteApi("/runs");

/** Every run, newest first; what is asked for stands in the address. */
export function RunsPage() {
  const search: RunsSearch = route.useSearch();
  const navigate = useNavigate({ from: "/runs" });
  const may = useMay("operator");
  const [asked, setAsked] = useState<Run | null>(null);
  const cancel = useCancelRun();
  const address = JSON.stringify(search);
  // Counted back once per filter: a preset that moved with every render would be a new query each time.
  const filter = useMemo(() => filterOf(JSON.parse(address) as RunsSearch, Date.now()), [address]);
  const query = useInfiniteQuery({
    ...runsQuery(filter),
    refetchInterval: ({ state }) => pace(state.data?.pages ?? []),
  });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const columns = useMemo(() => columnsOf({ may, onCancel: setAsked }), [may]);
  const clear = () => void navigate({ search: {}, replace: true });
  const filtered = Object.keys(filter).length > 0;

  return (
    <Page
      title="Runs"
      layout="fill"
      actions={
        <Popover
          label="What the states mean"
          align="end"
          trigger={<IconButton icon={Info} label="What the states mean" />}
        >
          <StatusLegend of={RUN_STATES} />
        </Popover>
      }
      bar={
        <Filters
          search={search}
          onClear={clear}
          onChange={(change) =>
            void navigate({ search: (before) => present({ ...before, ...change }), replace: true })
          }
        />
      }
    >
      <div className="flex min-h-60 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        <Loaded query={query} title="The runs cannot be shown">
          {() =>
            rows.length ? (
              <Table
                label="Runs"
                columns={columns}
                rows={rows}
                rowId={(run) => run.id}
                onOpen={(run) => void navigate({ to: "/runs/$runId", params: { runId: run.id } })}
                hasMore={query.hasNextPage}
                loadingMore={query.isFetchingNextPage}
                onEnd={() => void query.fetchNextPage()}
              />
            ) : filtered ? (
              <EmptyState
                icon={ListTree}
                title="No run matches"
                actions={<Button onClick={clear}>Clear filters</Button>}
              >
                Ask for fewer things at once, or for a longer time.
              </EmptyState>
            ) : (
              <EmptyState icon={ListTree} title="Nothing has run yet">
                Open an orchestrator and press Run.
              </EmptyState>
            )
          }
        </Loaded>
      </div>
      <ConfirmDialog
        open={asked !== null}
        onOpenChange={(open) => !open && setAsked(null)}
        title={`Cancel run ${asked?.number ?? ""} of ${asked?.orchestratorName ?? ""}?`}
        action="Cancel run"
        pending={cancel.isPending}
        onConfirm={() =>
          asked &&
          cancel.mutate(asked.id, {
            onSuccess: () => setAsked(null),
            onError: (error) => toastProblem(error, "The run was not cancelled"),
          })
        }
      >
        What runs on a platform is stopped where the platform can do that; elsewhere it goes on by itself.
      </ConfirmDialog>
    </Page>
  );
}

/** Milliseconds to the next look. Every loaded page is asked for again, so that long lists are renewed less often. */
function pace(pages: ReadonlyArray<{ items: readonly Run[] }>): number {
  if (pages.length > 4) return 60_000;
  return pages.some((page) => page.items.some((run) => !ended(run.status))) ? 2_000 : 8_000;
}

function present<T extends object>(search: T): Partial<T> {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as Partial<T>;
}
