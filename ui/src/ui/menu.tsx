import type { LucideIcon } from "lucide-react";
import { Check } from "lucide-react";
import { DropdownMenu as Radix, ContextMenu as RadixContext } from "radix-ui";
import type { ReactElement } from "react";
import { cn } from "@/lib/cn";
import { Kbd } from "./kbd";

export type MenuItem =
  | { separator: true }
  | { heading: string }
  | {
      label: string;
      onSelect: () => void;
      icon?: LucideIcon;
      shortcut?: string;
      danger?: boolean;
      disabled?: boolean;
      /** Given: one of several, of which this is (not) the chosen one. */
      checked?: boolean;
    };

type Props = {
  trigger: ReactElement;
  items: readonly MenuItem[];
  align?: "start" | "end";
  side?: "top" | "right" | "bottom" | "left";
};

const CONTENT = "z-50 min-w-48 rounded-lg bg-raised p-1 shadow-pop";
const ITEM =
  "flex select-none items-center gap-2 rounded-md px-2 py-1.5 text-sm outline-none data-[highlighted]:bg-hover data-[disabled]:opacity-50 [&_svg]:size-4";

/** Further actions at a button. */
export function Menu({ trigger, items, align = "start", side }: Props) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content align={align} side={side} sideOffset={4} collisionPadding={8} className={CONTENT}>
          <Items items={items} kit={Radix} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** The same at the pointer, by the right button or the menu key. */
export function ContextMenu({ children, items }: { children: ReactElement; items: readonly MenuItem[] }) {
  return (
    <RadixContext.Root>
      <RadixContext.Trigger asChild>{children}</RadixContext.Trigger>
      <RadixContext.Portal>
        <RadixContext.Content collisionPadding={8} className={CONTENT}>
          <Items items={items} kit={RadixContext} />
        </RadixContext.Content>
      </RadixContext.Portal>
    </RadixContext.Root>
  );
}

function Items({
  items,
  kit,
}: {
  items: readonly MenuItem[];
  kit: Pick<typeof Radix, "Item" | "Separator" | "Label">;
}) {
  return items.map((item, index) => {
    // biome-ignore lint/suspicious/noArrayIndexKey: separators have nothing else
    if ("separator" in item) return <kit.Separator key={index} className="-mx-1 my-1 h-px bg-line" />;
    if ("heading" in item) {
      return (
        <kit.Label key={item.heading} className="px-2 py-1 text-muted text-xs">
          {item.heading}
        </kit.Label>
      );
    }
    const Icon = item.icon;
    return (
      <kit.Item
        key={item.label}
        disabled={item.disabled}
        onSelect={item.onSelect}
        {...(item.checked !== undefined && { role: "menuitemradio", "aria-checked": item.checked })}
        className={cn(ITEM, item.danger && "text-st-failed")}
      >
        {Icon && <Icon aria-hidden className={item.danger ? "" : "text-muted"} />}
        <span className="flex-1">{item.label}</span>
        {item.checked && <Check aria-hidden className="text-accent-text" />}
        {item.shortcut && <Kbd keys={item.shortcut} />}
      </kit.Item>
    );
  });
}
