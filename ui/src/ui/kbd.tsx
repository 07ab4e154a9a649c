import { MAC } from "@/lib/hotkeys";
import { t } from "@/lib/text";

const NAMES: Record<string, string> = {
  mod: MAC ? "⌘" : t("Ctrl"),
  shift: MAC ? "⇧" : t("Shift"),
  alt: MAC ? "⌥" : t("Alt"),
  enter: "↵",
  escape: t("Esc"),
  tab: t("Tab"),
  f2: "F2",
  ",": t("Comma"),
  ".": t("Dot"),
  delete: t("Del"),
  backspace: "⌫",
  arrowup: "↑",
  arrowdown: "↓",
  arrowleft: "←",
  arrowright: "→",
};

/** Keys as `useHotkeys` names them: `<Kbd keys="mod+k" />`, `<Kbd keys="g r" />`. */
export function Kbd({ keys }: { keys: string }) {
  return (
    <span className="inline-flex gap-0.5 align-middle">
      {keys.split(/[+ ](?=.)/).map((key) => (
        <kbd
          key={key}
          className="min-w-4.5 rounded-sm border border-line bg-sunken px-1 text-center font-sans text-2xs text-muted"
        >
          {NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key)}
        </kbd>
      ))}
    </span>
  );
}
