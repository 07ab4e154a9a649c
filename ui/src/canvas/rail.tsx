import { History, LibraryBig, ListTree, MessageSquare, Plus } from "lucide-react";
import { keyOf } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { IconButton } from "@/ui";

type Props = {
  panel: string | undefined;
  onPanel: (panel: string) => void;
  editable: boolean;
  /** How many threads are open; without it there are no comments here. */
  threads?: number;
};

/** At the left of the canvas: what can be opened beside it. */
export function Rail({ panel, onPanel, editable, threads }: Props) {
  return (
    <nav
      aria-label={t("Panels")}
      className="flex w-11 shrink-0 flex-col items-center gap-1 border-r bg-surface py-2"
    >
      {editable && (
        <IconButton
          label={t("Add a node")}
          shortcut={keyOf("add")}
          icon={Plus}
          side="right"
          pressed={panel === "add"}
          onClick={() => onPanel("add")}
        />
      )}
      {editable && (
        <IconButton
          label={t("Remote workflows")}
          icon={LibraryBig}
          side="right"
          pressed={panel === "remote"}
          onClick={() => onPanel("remote")}
        />
      )}
      <IconButton
        label={t("Outline")}
        icon={ListTree}
        side="right"
        pressed={panel === "outline"}
        onClick={() => onPanel("outline")}
      />
      <IconButton
        label={t("Versions")}
        icon={History}
        side="right"
        pressed={panel === "versions"}
        onClick={() => onPanel("versions")}
      />
      {threads !== undefined && (
        <IconButton
          label={threads ? t("Comments, {threads} open", { threads }) : t("Comments")}
          shortcut={keyOf("comment")}
          icon={MessageSquare}
          side="right"
          pressed={panel === "comments"}
          onClick={() => onPanel("comments")}
          className="relative"
        >
          {threads > 0 && (
            <span
              aria-hidden
              className="-top-0.5 -right-0.5 tabular absolute min-w-4 rounded-full bg-accent px-1 text-center text-2xs text-on-accent leading-4"
            >
              {threads > 99 ? "99+" : threads}
            </span>
          )}
        </IconButton>
      )}
    </nav>
  );
}
