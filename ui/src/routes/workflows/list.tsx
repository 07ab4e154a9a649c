import { Link } from "@tanstack/react-router";
import { GitCompareArrows } from "lucide-react";
import { useMemo } from "react";
import type { Offer } from "@/api/types";
import { t } from "@/lib/text";
import { Badge, Checkbox, type Column, ProviderChip, StatusIcon, Table, Timestamp } from "@/ui";
import { UsedIn } from "./used-in";

type Props = {
  rows: readonly Offer[];
  total: number;
  selected: string | null;
  onSelect: (workflow: Offer) => void;
  chosen: ReadonlyMap<string, Offer>;
  onChosen: (chosen: ReadonlyMap<string, Offer>) => void;
  hasMore: boolean;
  loadingMore: boolean;
  onEnd: () => void;
};

/** What became of it when it was called last, as a link to that run. */
function LastRun({ of: { lastRun } }: { of: Offer }) {
  if (!lastRun) return <span className="text-muted text-xs">–</span>;
  return (
    <Link
      to="/runs/$runId"
      params={{ runId: lastRun.runId }}
      onClick={(event) => event.stopPropagation()}
      className="-ml-1 flex h-6 w-fit items-center gap-1.5 rounded-md px-1 text-muted hover:bg-hover hover:underline"
    >
      <StatusIcon status={lastRun.state} className="size-3.5" />
      <Timestamp at={lastRun.at} />
    </Link>
  );
}

/** Unique over all connections. */
export function idOf(item: Pick<Offer, "connectionId" | "id">): string {
  return `${item.connectionId} ${item.id}`;
}

/** One line a workflow. A click shows its preview; a tick, or X, chooses it to be added. */
export function WorkflowList({ rows, chosen, onChosen, onSelect, selected, ...more }: Props) {
  const toggle = useMemo(
    () => (item: Offer) => {
      const next = new Map(chosen);
      if (!next.delete(idOf(item))) next.set(idOf(item), item);
      onChosen(next);
    },
    [chosen, onChosen],
  );
  const columns = useMemo((): Column<Offer>[] => {
    return [
      {
        key: "chosen",
        header: <span className="sr-only">{t("Chosen")}</span>,
        width: "24px",
        cell: (item) =>
          item.executable && (
            // biome-ignore lint/a11y/noStaticElementInteractions: only keeps the click from the row
            <span
              className="grid size-6 place-items-center"
              onClick={(event) => event.stopPropagation()}
              onKeyDown={(event) => event.stopPropagation()}
            >
              <Checkbox
                aria-label={t("Choose {name}", { name: item.name })}
                className="size-4.5"
                checked={chosen.has(idOf(item))}
                onCheckedChange={() => toggle(item)}
              />
            </span>
          ),
      },
      {
        key: "name",
        header: t("Name"),
        width: "minmax(0, 1fr)",
        cell: (item) => (
          <span className="flex items-center gap-3">
            <ProviderChip provider={item.provider} size="lg" />
            <span className="min-w-0 flex-1">
              <span className="block truncate font-medium">{item.name}</span>
              <span className="mt-0.5 flex items-center gap-1.5 overflow-hidden text-muted text-xs">
                <span className="truncate">
                  {item.connectionName}
                  {item.folder && ` / ${item.folder}`}
                </span>
                {item.tags.slice(0, 3).map((tag) => (
                  <Badge key={tag}>{tag}</Badge>
                ))}
              </span>
            </span>
          </span>
        ),
      },
      {
        key: "trigger",
        header: t("Trigger"),
        width: "112px",
        wide: true,
        cell: (item) => (
          <span className="block">
            <span className="block truncate text-sm">{item.trigger.kind}</span>
            {!item.executable && (
              <span className="block truncate text-muted text-xs" title={item.reason ?? undefined}>
                {t("cannot be a step")}
              </span>
            )}
          </span>
        ),
      },
      {
        key: "active",
        header: t("Active"),
        width: "64px",
        cell: (item) => (
          <Badge tone={item.active ? "done" : undefined}>{item.active ? t("Active") : t("Off")}</Badge>
        ),
      },
      {
        key: "used",
        header: t("Used in"),
        width: "84px",
        wide: true,
        cell: (item) => (
          <span className="flex items-center gap-1">
            <UsedIn item={item} />
            {item.changed && (
              <span title={t("Changed since import")}>
                <GitCompareArrows
                  role="img"
                  aria-label={t("Changed since import")}
                  className="size-3.5 text-st-warning"
                />
              </span>
            )}
          </span>
        ),
      },
      {
        key: "last",
        header: t("Last run"),
        width: "104px",
        wide: true,
        cell: (item) => <LastRun of={item} />,
      },
      {
        key: "updated",
        header: t("Changed"),
        width: "92px",
        wide: true,
        cell: (item) => <Timestamp at={item.updatedAt} className="text-muted" />,
      },
    ];
  }, [chosen, toggle]);
  return (
    <Table
      label={t("Workflows")}
      columns={columns}
      rows={rows}
      rowHeight={64}
      rowId={idOf}
      selected={selected}
      onSelect={onSelect}
      onKey={(event, item) => {
        if (event.key !== "x" || !item.executable) return;
        event.preventDefault();
        toggle(item);
      }}
      hasMore={more.hasMore}
      loadingMore={more.loadingMore}
      onEnd={more.onEnd}
    />
  );
}
