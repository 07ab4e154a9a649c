import { Check } from "lucide-react";
import { DropdownMenu as Radix } from "radix-ui";
import { useEffect, useRef } from "react";
import { cn } from "@/lib/cn";
import { Kbd } from "./kbd";
import type { MenuItem, MenuProps } from "./menu";

const ITEM =
  "flex select-none items-center gap-2 rounded-md px-2 py-1.5 text-sm outline-none data-[highlighted]:bg-hover data-[disabled]:opacity-50 [&_svg]:size-4";

/** The menu itself; it comes open. `byKey`: its first item has the focus then. */
export function OpenMenu({ trigger, items, align = "start", side, byKey }: MenuProps & { byKey: boolean }) {
  const first = useRef(byKey);
  return (
    <Radix.Root defaultOpen>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          side={side}
          sideOffset={4}
          collisionPadding={8}
          className="z-50 min-w-48 rounded-lg bg-raised p-1 shadow-pop"
        >
          <Items items={items} first={first} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Items({ items, first }: { items: readonly MenuItem[]; first: { current: boolean } }) {
  const marker = useRef<HTMLSpanElement>(null);
  // Radix knows only of keys that were pressed since it is there.
  useEffect(() => {
    if (first.current) marker.current?.parentElement?.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    first.current = false;
  }, [first]);
  return (
    <>
      <span ref={marker} hidden />
      {items.map((item, index) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: separators have nothing else
        if ("separator" in item) return <Radix.Separator key={index} className="-mx-1 my-1 h-px bg-line" />;
        if ("heading" in item) {
          return (
            <Radix.Label key={item.heading} className="px-2 py-1 text-muted text-xs">
              {item.heading}
            </Radix.Label>
          );
        }
        const Icon = item.icon;
        return (
          <Radix.Item
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
          </Radix.Item>
        );
      })}
    </>
  );
}
