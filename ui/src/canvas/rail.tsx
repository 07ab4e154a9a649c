import { History, LibraryBig, ListTree, Plus } from "lucide-react";
import { IconButton } from "@/ui";

type Props = { panel: string | undefined; onPanel: (panel: string) => void; editable: boolean };

/** At the left of the canvas: what can be opened beside it. */
export function Rail({ panel, onPanel, editable }: Props) {
  return (
    <nav
      aria-label="Panels"
      className="flex w-11 shrink-0 flex-col items-center gap-1 border-r bg-surface py-2"
    >
      {editable && (
        <IconButton
          label="Add a node"
          shortcut="n"
          icon={Plus}
          side="right"
          pressed={panel === "add"}
          onClick={() => onPanel("add")}
        />
      )}
      {editable && (
        <IconButton
          label="Remote workflows"
          icon={LibraryBig}
          side="right"
          pressed={panel === "remote"}
          onClick={() => onPanel("remote")}
        />
      )}
      <IconButton
        label="Outline"
        icon={ListTree}
        side="right"
        pressed={panel === "outline"}
        onClick={() => onPanel("outline")}
      />
      <IconButton
        label="Versions"
        icon={History}
        side="right"
        pressed={panel === "versions"}
        onClick={() => onPanel("versions")}
      />
    </nav>
  );
}
