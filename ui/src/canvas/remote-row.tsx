import { LoaderCircle } from "lucide-react";
import type { KeyboardEvent } from "react";
import type { Offer } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { ProviderChip, StatusIcon } from "@/ui";
import { DRAGGED_WORKFLOW } from "./use-remote";

type Props = {
  item: Offer;
  index: number;
  /** It is being added. */
  pending: boolean;
  /** Another one is. */
  busy: boolean;
  onAdd: (item: Offer, wired: boolean) => void;
  onKeyDown?: (event: KeyboardEvent) => void;
};

/** A remote workflow to be added: its platform, whether it is active there, and what became of it when it was called last. */
export function RemoteRow({ item, index, pending, busy, onAdd, onKeyDown }: Props) {
  return (
    <button
      type="button"
      data-row={index}
      draggable={item.executable}
      aria-disabled={!item.executable || undefined}
      title={
        item.executable
          ? undefined
          : t("Cannot be a step: {reason}", { reason: item.reason ?? t("not startable") })
      }
      onDragStart={(event) => {
        const { provider, connectionId, id, name } = item;
        event.dataTransfer.setData(DRAGGED_WORKFLOW, JSON.stringify({ provider, connectionId, id, name }));
        event.dataTransfer.effectAllowed = "copy";
      }}
      onKeyDown={onKeyDown}
      onClick={(event) => item.executable && !busy && onAdd(item, !event.shiftKey)}
      className="flex h-12 w-full items-center gap-2.5 rounded-md px-2 text-left hover:bg-hover aria-disabled:cursor-default"
    >
      {pending ? (
        <LoaderCircle aria-label={t("Adding")} className="size-5 shrink-0 animate-spin text-muted" />
      ) : (
        <ProviderChip provider={item.provider} />
      )}
      <span className="min-w-0 flex-1">
        <span className={cn("block truncate text-sm", item.executable ? "font-medium" : "text-muted")}>
          {item.name}
        </span>
        <span className="block truncate text-muted text-xs">
          {item.active ? t("Active") : t("Off")} ·{" "}
          {item.executable ? item.trigger.kind : t("cannot be a step")} · {item.connectionName}
          {item.folder && ` / ${item.folder}`}
        </span>
      </span>
      {item.lastRun && (
        <span title={t("Its last run")} className="shrink-0">
          <span className="sr-only">{t("Its last run:")} </span>
          <StatusIcon status={item.lastRun.state} className="size-3.5" />
        </span>
      )}
    </button>
  );
}
