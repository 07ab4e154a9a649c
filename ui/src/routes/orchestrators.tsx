import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Copy, Download, Ellipsis, Info, Plus, RotateCcw, Trash2, Upload, Workflow } from "lucide-react";
import { type ChangeEvent, useMemo, useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import {
  orchestratorsQuery,
  useCreateOrchestrator,
  useDeleteOrchestrator,
  useMay,
  useRestoreOrchestrator,
} from "@/api/queries";
import type { Graph, Orchestrator } from "@/api/types";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import {
  Badge,
  Button,
  type Column,
  ConfirmDialog,
  EmptyState,
  IconButton,
  Loaded,
  Menu,
  Page,
  Popover,
  RUN_STATES,
  SearchInput,
  Segmented,
  StatusBadge,
  StatusLegend,
  Table,
  Timestamp,
} from "@/ui";

const route = getRouteApi("/orchestrators");

const COLUMNS: readonly Column<Orchestrator>[] = [
  {
    key: "name",
    header: t("Name"),
    width: "minmax(0, 3fr)",
    cell: (item) => (
      <>
        <span className="font-medium">{item.name}</span>
        {item.description && <span className="ml-2 hidden text-muted md:inline">{item.description}</span>}
      </>
    ),
  },
  {
    key: "nodes",
    header: t("Steps"),
    width: "90px",
    wide: true,
    cell: (item) =>
      t("{nodes, plural, one {# step} other {# steps}}", { nodes: item.definition.nodes?.length ?? 0 }),
  },
  {
    key: "revision",
    header: t("Revision"),
    width: "80px",
    wide: true,
    align: "end",
    cell: (item) => <span className="tabular">{item.revision}</span>,
  },
  {
    key: "published",
    header: t("Published"),
    width: "150px",
    wide: true,
    cell: ({ publishedRevision: published, revision }) =>
      published === null ? (
        <span className="text-muted">–</span>
      ) : published === revision ? (
        <Badge tone="done">{t("Published {published}", { published })}</Badge>
      ) : (
        <Badge>{t("Draft since {published}", { published })}</Badge>
      ),
  },
  {
    key: "run",
    header: t("Last run"),
    width: "130px",
    cell: (item) =>
      item.lastRun ? (
        <StatusBadge status={item.lastRun.status} plain />
      ) : (
        <span className="text-muted">{t("Never")}</span>
      ),
  },
  {
    key: "saved",
    header: t("Last edit"),
    width: "120px",
    wide: true,
    cell: (item) => <Timestamp at={item.updatedDate} className="text-muted" />,
  },
];

/** Every orchestrator of the workspace: to open, make, duplicate, delete and restore, and carry elsewhere as a file. */
export function OrchestratorsPage() {
  const { q = "", bin } = route.useSearch();
  const navigate = useNavigate({ from: "/orchestrators" });
  const query = useInfiniteQuery(orchestratorsQuery(q));
  const create = useCreateOrchestrator();
  const remove = useDeleteOrchestrator();
  const restore = useRestore();
  const may = useMay("editor");
  const file = useRef<HTMLInputElement>(null);
  const [doomed, setDoomed] = useState<Orchestrator | null>(null);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const open = (id: string) => void navigate({ to: "/orchestrators/$id", params: { id } });
  const { mutate: make, isPending: making } = create;

  const columns = useMemo<Column<Orchestrator>[]>(() => {
    const items = (item: Orchestrator) => [
      ...(may
        ? [
            {
              label: t("Duplicate"),
              icon: Copy,
              onSelect: () =>
                make(
                  {
                    name: t("{name} (copy)", { name: item.name }),
                    description: item.description,
                    definition: item.definition,
                  },
                  {
                    onSuccess: (copy) => toast.success(t("“{name}” was made", { name: copy.name })),
                    onError: (error) => toastProblem(error, t("It was not duplicated")),
                  },
                ),
            },
          ]
        : []),
      { label: t("Export as JSON"), icon: Download, onSelect: () => exported(item) },
      ...(may
        ? [
            { separator: true as const },
            { label: t("Delete"), icon: Trash2, danger: true, onSelect: () => setDoomed(item) },
          ]
        : []),
    ];
    return [
      ...COLUMNS,
      {
        key: "more",
        header: <span className="sr-only">{t("Actions")}</span>,
        width: "40px",
        align: "end",
        cell: (item) => (
          // biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: only keeps clicks from the row
          <span
            onClick={(event) => event.stopPropagation()}
            onDoubleClick={(event) => event.stopPropagation()}
          >
            <Menu
              align="end"
              trigger={
                <IconButton label={t("Actions for {name}", { name: item.name })} icon={Ellipsis} size="sm" />
              }
              items={items(item)}
            />
          </span>
        ),
      },
    ];
  }, [may, make]);

  const begin = () =>
    make(
      { name: t("New orchestrator"), definition: { version: 1, nodes: [], edges: [] } },
      {
        onSuccess: (made) => open(made.id),
        onError: (error) => toastProblem(error, t("The orchestrator was not made")),
      },
    );
  const read = async (event: ChangeEvent<HTMLInputElement>) => {
    const [chosen] = event.target.files ?? [];
    event.target.value = "";
    if (!chosen) return;
    const body = imported(await chosen.text(), chosen.name);
    if (body === null) {
      toast.error(t("This file holds no orchestrator"), {
        description: t(
          "It takes an export of ours, or a drawing of React Flow: JSON with “nodes” and “edges”.",
        ),
      });
      return;
    }
    make(body, {
      onSuccess: (made) => open(made.id),
      onError: (error) => toastProblem(error, t("The file was not imported")),
    });
  };

  return (
    <Page
      title={t("Orchestrators")}
      layout="fill"
      actions={
        <>
          <Popover
            label={t("What the states mean")}
            align="end"
            trigger={<IconButton icon={Info} label={t("What the states mean")} />}
          >
            <StatusLegend of={RUN_STATES} />
          </Popover>
          {may && (
            <>
              <input
                ref={file}
                type="file"
                accept=".json,application/json"
                aria-label={t("File to import")}
                hidden
                onChange={(event) => void read(event)}
              />
              <Button icon={Upload} onClick={() => file.current?.click()}>
                {t("Import")}
              </Button>
              <Button variant="primary" icon={Plus} pending={making} onClick={begin}>
                {t("New orchestrator")}
              </Button>
            </>
          )}
        </>
      }
      bar={
        <div className="flex flex-wrap items-center gap-2">
          <SearchInput
            label={t("Search by name")}
            className="w-80 max-w-full"
            value={q}
            onChange={(next) =>
              void navigate({ search: (before) => ({ ...before, q: next || undefined }), replace: true })
            }
          />
          <Segmented
            label={t("Which")}
            value={bin ? "bin" : "all"}
            onChange={(next) =>
              void navigate({ search: (before) => ({ ...before, bin: next === "bin" || undefined }) })
            }
            options={[
              { value: "all", label: t("Current") },
              { value: "bin", label: t("Bin") },
            ]}
          />
        </div>
      }
    >
      <div className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-lg border bg-surface">
        {bin ? (
          <Bin q={q} />
        ) : (
          <Loaded query={query}>
            {() =>
              rows.length ? (
                <Table
                  label={t("Orchestrators")}
                  columns={columns}
                  rows={rows}
                  rowId={(item) => item.id}
                  onOpen={(item) => open(item.id)}
                  hasMore={query.hasNextPage && !query.isPlaceholderData}
                  loadingMore={query.isFetchingNextPage}
                  onEnd={() => void query.fetchNextPage()}
                />
              ) : (
                <EmptyState
                  icon={Workflow}
                  title={q ? t("No name contains “{q}”", { q }) : t("No orchestrator yet")}
                >
                  {q
                    ? t("Try a shorter part of it.")
                    : t("An orchestrator chains workflows of several platforms into one run.")}
                </EmptyState>
              )
            }
          </Loaded>
        )}
      </div>
      <ConfirmDialog
        open={doomed !== null}
        onOpenChange={(shown) => !shown && setDoomed(null)}
        title={t("Delete “{name}”?", { name: doomed?.name ?? "" })}
        action={t("Delete 1 orchestrator")}
        pending={remove.isPending}
        onConfirm={() => {
          if (doomed)
            remove.mutate(doomed.id, {
              onSuccess: () =>
                toast.success(t("“{name}” is in the bin", { name: doomed.name }), {
                  description: t("For 30 days. Its runs stay readable."),
                  duration: 8000,
                  action: { label: t("Undo"), onClick: () => restore(doomed) },
                }),
              onError: (error) => toastProblem(error, t("It was not deleted")),
              onSettled: () => setDoomed(null),
            });
        }}
      >
        {t(
          "It goes to the bin, from where it can be restored for 30 days. Until then it cannot be started. Its past runs stay readable, runs under way go on, and nothing changes on the platforms.",
        )}
      </ConfirmDialog>
    </Page>
  );
}

function useRestore(): (item: Orchestrator) => void {
  const { mutate } = useRestoreOrchestrator();
  return (item) =>
    mutate(item.id, {
      onSuccess: () => toast.success(t("“{name}” is back", { name: item.name })),
      onError: (error) => toastProblem(error, t("It was not restored")),
    });
}

/** Those that were deleted within the last 30 days. */
function Bin({ q }: { q: string }) {
  const query = useInfiniteQuery(orchestratorsQuery(q, true));
  const restore = useRestore();
  const may = useMay("editor");
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const columns: Column<Orchestrator>[] = [
    ...COLUMNS.filter((column) => column.key === "name" || column.key === "run"),
    {
      key: "deleted",
      header: t("Deleted"),
      width: "120px",
      wide: true,
      cell: (item) => <Timestamp at={item.deletedDate} className="text-muted" />,
    },
    {
      key: "restore",
      header: <span className="sr-only">{t("Actions")}</span>,
      width: "104px",
      align: "end",
      cell: (item) =>
        may && (
          <Button
            size="sm"
            icon={RotateCcw}
            aria-label={t("Restore {name}", { name: item.name })}
            onClick={() => restore(item)}
          >
            {t("Restore")}
          </Button>
        ),
    },
  ];
  return (
    <Loaded query={query}>
      {() =>
        rows.length ? (
          <Table
            label={t("Deleted orchestrators")}
            columns={columns}
            rows={rows}
            rowId={(item) => item.id}
            hasMore={query.hasNextPage && !query.isPlaceholderData}
            loadingMore={query.isFetchingNextPage}
            onEnd={() => void query.fetchNextPage()}
          />
        ) : (
          <EmptyState
            icon={Trash2}
            title={q ? t("No name in the bin contains “{q}”", { q }) : t("The bin is empty")}
          >
            {t("What is deleted stays here for 30 days and can be restored.")}
          </EmptyState>
        )
      }
    </Loaded>
  );
}

/** Hands the browser a file that `imported` and the command line read. */
function exported({ name, description, definition }: Orchestrator): void {
  const text = `${JSON.stringify({ baton: 1, name, description, definition }, null, 2)}\n`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = `${name.replace(/[^\p{L}\p{N}._-]+/gu, "-") || "orchestrator"}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** What to make of a file: an export, or a bare drawing named after the file. Null: neither. The server checks the rest. */
function imported(
  text: string,
  filename: string,
): { name: string; description?: string; definition: Graph } | null {
  try {
    const value = JSON.parse(text) as Record<string, unknown> | null;
    const held = (value?.definition ?? value) as Record<string, unknown> | null;
    if (!held || !Array.isArray(held.nodes)) return null;
    const name =
      typeof value?.name === "string" && value.name ? value.name : filename.replace(/\.json$/i, "");
    const description = typeof value?.description === "string" ? value.description : undefined;
    return { name: name.slice(0, 200), description, definition: held as Graph };
  } catch {
    return null;
  }
}
