import { Command } from "cmdk";
import { t } from "@/lib/text";
import { Dialog } from "@/ui";
import { KindGlyph } from "./glyph";
import { labelOf, type Step } from "./graph";
import { useSurroundings } from "./surroundings";

type Props = {
  title: string;
  nodes: readonly Step[];
  onPick: (id: string) => void;
  onClose: () => void;
};

/** One node among many, by its name. */
export function PickNode({ title, nodes, onPick, onClose }: Props) {
  const { kinds } = useSurroundings();
  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title={title} size="sm">
      <Command label={title} className="text-sm">
        <Command.Input
          autoFocus
          placeholder={t("Name of a node")}
          className="h-9 w-full rounded-md border border-edge bg-surface px-3 outline-none focus-visible:border-accent-text placeholder:text-muted"
        />
        <Command.List className="mt-2 max-h-[50vh] overflow-y-auto" tabIndex={-1} label={title}>
          <Command.Empty className="px-3 py-6 text-center text-muted">
            {t("No node has this in its name")}
          </Command.Empty>
          {nodes.map((step) => (
            <Command.Item
              key={step.id}
              value={step.id}
              keywords={[labelOf(step), step.type]}
              onSelect={() => {
                onClose();
                onPick(step.id);
              }}
              className="flex items-center gap-2.5 rounded-md px-2 py-1.5 data-[selected=true]:bg-hover"
            >
              <KindGlyph type={step.type} className="size-4 shrink-0 text-muted" />
              <span className="min-w-0 flex-1 truncate font-medium">{labelOf(step)}</span>
              <span className="shrink-0 text-muted text-xs">{kinds.get(step.type)?.title ?? step.type}</span>
            </Command.Item>
          ))}
        </Command.List>
      </Command>
    </Dialog>
  );
}
