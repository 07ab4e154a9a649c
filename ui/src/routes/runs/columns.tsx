import { useNavigate } from "@tanstack/react-router";
import {
  Archive,
  ArchiveRestore,
  Ban,
  ChevronDown,
  ChevronRight,
  Copy,
  Ellipsis,
  ExternalLink,
  ListFilter,
  RotateCw,
} from "lucide-react";
import { ended } from "@/api/queries";
import type { RunItem } from "@/api/types";
import { cn } from "@/lib/cn";
import { keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { duration, elapsed } from "@/lib/time";
import { toast } from "@/lib/toast";
import { Badge, Elapsed, IconButton, Menu, StatusBadge, Timestamp } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import type { RunActions } from "./list";
import { StepStrip } from "./steps";
import { COLUMNS, type ColumnName, type TableLook } from "./table-menu";

const MEDIUM = "hidden md:block";
const WIDE = "hidden xl:block";

type Width = "medium" | "wide";
/** From which width on a column that can be put away is there, how wide it is, and what its words are like. */
const ROOM: Record<Exclude<ColumnName, "labels">, { from: Width; track: string; words?: string }> = {
  number: { from: "medium", track: "48px", words: "text-right" },
  trigger: { from: "wide", track: "96px" },
  started: { from: "medium", track: "84px" },
  duration: { from: "medium", track: "76px", words: "text-right" },
  steps: { from: "wide", track: "108px" },
  message: { from: "medium", track: "minmax(0, 1.6fr)" },
};
const ORDER = Object.keys(ROOM) as (keyof typeof ROOM)[];

/** Tracks of the grid for three widths; the cells that a width leaves out are hidden by the same names. */
export function tracksOf({ columns }: TableLook): React.CSSProperties {
  const tracks = (widths: readonly Width[]) => {
    const kept = ORDER.filter((name) => widths.includes(ROOM[name].from) && has(columns, name));
    return ["20px 20px 92px minmax(0, 1.2fr)", ...kept.map((name) => ROOM[name].track), "28px"].join(" ");
  };
  return {
    "--narrow": tracks([]),
    "--medium": tracks(["medium"]),
    "--wide": tracks(["medium", "wide"]),
  } as React.CSSProperties;
}

/** Labels stand behind the message, in one column with it. */
function has(columns: TableLook["columns"], name: ColumnName): boolean {
  return columns.has(name) || (name === "message" && columns.has("labels"));
}

type Props = {
  run: RunItem;
  look: TableLook;
  usual: number | undefined;
  may: boolean;
  expanded: boolean;
  onExpand: (open: boolean) => void;
  actions: RunActions;
};

export const RunColumns = { Heads, Cells };

function Heads({ look }: { look: TableLook }) {
  return (
    <>
      <span role="columnheader">
        <span className="sr-only">{t("Unfold")}</span>
      </span>
      <span role="columnheader" className="truncate">
        {t("Status")}
      </span>
      <span role="columnheader" className="truncate">
        {t("Orchestrator")}
      </span>
      {ORDER.filter((name) => has(look.columns, name)).map((name) => (
        <span
          key={name}
          role="columnheader"
          className={cn("truncate", ROOM[name].from === "wide" ? WIDE : MEDIUM, ROOM[name].words)}
        >
          {look.columns.has(name) ? COLUMNS[name] : COLUMNS.labels}
        </span>
      ))}
      <span role="columnheader">
        <span className="sr-only">{t("Actions")}</span>
      </span>
    </>
  );
}

function Cells({ run, look, usual, may, expanded, onExpand, actions }: Props) {
  const { columns } = look;
  return (
    <>
      {/* biome-ignore lint/a11y: keeps a click on the button from opening the run */}
      <div role="cell" onClick={(event) => event.stopPropagation()}>
        <button
          type="button"
          tabIndex={-1}
          aria-expanded={expanded}
          aria-label={t("{what} run {number}", {
            what: expanded ? t("Fold") : t("Unfold"),
            number: run.number,
          })}
          onClick={() => onExpand(!expanded)}
          className="-mx-0.5 grid size-6 place-items-center rounded-md text-muted hover:bg-hover hover:text-ink"
        >
          {expanded ? (
            <ChevronDown aria-hidden className="size-4" />
          ) : (
            <ChevronRight aria-hidden className="size-4" />
          )}
        </button>
      </div>
      <div role="cell" className="min-w-0">
        <StatusBadge status={run.status} plain className="flex" />
      </div>
      <div role="cell" className="min-w-0 truncate">
        <span className="font-medium" title={run.orchestratorName}>
          {run.orchestratorName}
        </span>{" "}
        <span className="text-muted text-xs">{t("r{revision}", { revision: run.revision })}</span>
      </div>
      {columns.has("number") && (
        <div role="cell" className={cn("tabular text-right text-muted text-xs", MEDIUM)}>
          #{run.number}
        </div>
      )}
      {columns.has("trigger") && (
        <div
          role="cell"
          className={cn("min-w-0 truncate text-muted text-xs", WIDE)}
          title={`${TRIGGERS[run.trigger.kind]} · ${run.trigger.by}`}
        >
          <span className="block truncate leading-4">{TRIGGERS[run.trigger.kind]}</span>
          <span className="block truncate text-2xs leading-3.5">{run.trigger.by}</span>
        </div>
      )}
      {columns.has("started") && (
        <div role="cell" className={cn("min-w-0 truncate", MEDIUM)}>
          <Timestamp at={run.startedAt ?? run.createdDate} className="text-muted text-xs" />
        </div>
      )}
      {columns.has("duration") && (
        <div role="cell" className={cn("min-w-0", MEDIUM)}>
          <Took run={run} usual={usual} />
        </div>
      )}
      {columns.has("steps") && (
        <div role="cell" className={cn("min-w-0 pt-1", WIDE)}>
          <StepStrip steps={run.steps} />
        </div>
      )}
      {has(columns, "message") && (
        <div role="cell" className={cn("min-w-0", MEDIUM)}>
          <Message run={run} columns={columns} />
        </div>
      )}
      <div
        role="cell"
        onClick={(event) => event.stopPropagation()}
        // Keys of the open menu, which is drawn elsewhere, are its own; those of its button are the list's too.
        onKeyDown={(event) => {
          if (!event.currentTarget.contains(event.target as Node)) event.stopPropagation();
        }}
      >
        <RowMenu run={run} may={may} actions={actions} />
      </div>
    </>
  );
}

/** How long it took; under it a bar, whose middle is what is usual. */
function Took({ run, usual }: { run: RunItem; usual: number | undefined }) {
  const took = elapsed(run.startedAt, run.finishedAt);
  const share = took !== null && usual ? took / (2 * usual) : null;
  return (
    <span
      className="flex flex-col items-end gap-0.5"
      title={
        usual
          ? t("Usual for this orchestrator: {time} (the median of its completed runs shown here)", {
              time: duration(usual),
            })
          : undefined
      }
    >
      <Elapsed from={run.startedAt} to={run.finishedAt} className="text-xs" />
      {share !== null && run.finishedAt !== null && (
        <svg aria-hidden viewBox="0 0 48 4" className="h-1 w-12">
          <rect width="48" height="3" y="0.5" rx="1.5" fill="var(--line)" />
          <rect
            width={Math.max(2, Math.min(48, share * 48))}
            height="3"
            y="0.5"
            rx="1.5"
            fill={share > 1 ? "var(--st-warning)" : "var(--st-queued)"}
          />
          <rect x="23.5" width="1" height="4" fill="var(--ink)" />
        </svg>
      )}
    </span>
  );
}

function Message({ run, columns }: { run: RunItem; columns: TableLook["columns"] }) {
  const labels = columns.has("labels") ? Object.entries(run.labels) : [];
  const waits = run.waiting.map(
    ({ nodeId }) => run.steps.find((step) => step.id === nodeId)?.label ?? nodeId,
  );
  return (
    <span className="flex min-w-0 items-center gap-1.5">
      {!columns.has("message") ? null : run.error ? (
        <span className="min-w-0 truncate text-st-failed text-xs" title={run.error.message}>
          {run.error.message}
        </span>
      ) : (
        waits.length > 0 && (
          <span className="min-w-0 truncate text-muted text-xs">
            {t("Waits at {waits}", { waits: waits.join(", ") })}
          </span>
        )
      )}
      {labels.slice(0, 3).map(([key, value]) => (
        <Badge key={key} className="max-w-32 shrink">
          <span className="truncate" title={`${key}:${value}`}>
            {key}:{value}
          </span>
        </Badge>
      ))}
      {labels.length > 3 && <span className="shrink-0 text-2xs text-muted">+{labels.length - 3}</span>}
    </span>
  );
}

function RowMenu({ run, may, actions }: { run: RunItem; may: boolean; actions: RunActions }) {
  const navigate = useNavigate();
  const copy = (what: string, text: string) =>
    navigator.clipboard.writeText(text).then(
      () => toast.success(t("{what} copied", { what })),
      () => toast.error(t("The browser did not allow copying")),
    );
  return (
    <Menu
      align="end"
      trigger={
        <IconButton
          data-menu=""
          tabIndex={-1}
          size="sm"
          icon={Ellipsis}
          label={t("Actions of run {number}", { number: run.number })}
          className="text-muted"
        />
      }
      items={[
        {
          label: t("Open"),
          icon: ExternalLink,
          shortcut: keyOf("openRun"),
          onSelect: () => actions.open(run),
        },
        ...(may
          ? [
              {
                label: t("Re-run …"),
                icon: RotateCw,
                shortcut: keyOf("rerun"),
                disabled: !ended(run.status),
                onSelect: () => actions.rerun(run),
              },
              {
                label: t("Cancel …"),
                icon: Ban,
                shortcut: keyOf("cancelRun"),
                danger: true,
                disabled: ended(run.status),
                onSelect: () => actions.cancel(run),
              },
              {
                label: run.archivedDate ? t("Unarchive") : t("Archive"),
                icon: run.archivedDate ? ArchiveRestore : Archive,
                disabled: !ended(run.status),
                onSelect: () => actions.archive(run),
              },
            ]
          : []),
        { separator: true },
        {
          label: t("Only this orchestrator"),
          icon: ListFilter,
          onSelect: () =>
            void navigate({
              to: "/runs",
              search: (before) => ({ ...before, orchestratorId: run.orchestratorId }) as object,
            }),
        },
        {
          label: t("Copy link"),
          icon: Copy,
          onSelect: () => void copy(t("Link"), `${window.location.origin}/runs/${run.id}`),
        },
        { label: t("Copy id"), icon: Copy, onSelect: () => void copy(t("Id"), run.id) },
      ]}
    />
  );
}
