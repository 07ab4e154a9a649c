import { Link } from "@tanstack/react-router";
import { GROUP_TITLES, type GroupName, keysOf, type Row, SHORTCUTS, type ShortcutId } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { Button, Dialog, Kbd } from "@/ui";
import type { Actions } from "./keys";

/** Every key that does something here, as the reader has them. */
export function ShortcutsDialog({ actions, onClose }: { actions: Actions; onClose: () => void }) {
  const groups = Object.entries(SHORTCUTS)
    .map(([group, rows]) => ({
      group,
      rows: (Object.entries(rows) as [ShortcutId, Row][]).filter(
        ([id]) => actions[id] && keysOf(id).length > 0,
      ),
    }))
    .filter(({ rows }) => rows.length > 0);
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title={t("Keys of the canvas")}
      size="xl"
      footer={
        <Button asChild>
          <Link to="/settings" search={{ section: "keyboard" }}>
            {t("Change the keys")}
          </Link>
        </Button>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by key */}
      <section aria-label={t("Keys")} tabIndex={0} className="gap-8 sm:columns-2 lg:columns-3">
        {groups.map(({ group, rows }) => (
          <section key={group} className="mb-5 break-inside-avoid">
            <h3 className="mb-1.5 font-medium text-muted text-xs">{GROUP_TITLES[group as GroupName]}</h3>
            <dl className="text-sm">
              {rows.map(([id, [, does]]) => (
                <div key={id} className="flex items-baseline justify-between gap-4 py-0.5">
                  <dt>{does}</dt>
                  <dd className="flex shrink-0 gap-1.5">
                    {keysOf(id).map((key) => (
                      <Kbd key={key} keys={key} />
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section className="break-inside-avoid">
          <h3 className="mb-1.5 font-medium text-muted text-xs">{t("With the pointer")}</h3>
          <dl className="text-sm">
            {POINTER.map(([how, does]) => (
              <div key={how} className="flex items-baseline justify-between gap-4 py-0.5">
                <dt>{does}</dt>
                <dd className="shrink-0 text-muted text-xs">{how}</dd>
              </div>
            ))}
          </dl>
        </section>
      </section>
    </Dialog>
  );
}

const POINTER = [
  [t("Double click on empty"), t("Add a node there")],
  [t("Drop on a wire"), t("Put a node between")],
  [t("Wire dropped on empty"), t("Add and connect")],
  [t("Shift + drag on empty"), t("Select an area")],
  [t("Ctrl + click"), t("Select one more")],
  [t("Alt + drag"), t("Duplicate")],
  [t("Alt while dragging"), t("Place freely, without the grid")],
  [t("Space + drag, middle button"), t("Move the drawing")],
] as const;
