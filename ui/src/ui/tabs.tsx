import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

export type Tab = { value: string; label: ReactNode; count?: number; content?: ReactNode };

type Props = {
  value: string;
  onChange: (value: string) => void;
  tabs: readonly Tab[];
  label: string;
  /** To the right of the tabs. */
  aside?: ReactNode;
  className?: string;
  contentClassName?: string;
};

/** Keep `value` in the address (search) or in `usePersistent`, so that a reload keeps the place. */
export function Tabs({ value, onChange, tabs, label, aside, className, contentClassName }: Props) {
  return (
    <Radix.Root value={value} onValueChange={onChange} className={cn("flex min-h-0 flex-col", className)}>
      <div className="flex items-center gap-2 border-b">
        <Radix.List aria-label={label} className="-mb-px flex min-w-0 flex-1 gap-0.5 overflow-x-auto px-0.5">
          {tabs.map((tab) => (
            <Radix.Trigger
              key={tab.value}
              value={tab.value}
              className="flex h-9 shrink-0 items-center gap-1.5 border-transparent border-b-2 px-1.5 text-muted text-sm -outline-offset-2 hover:text-ink data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {tab.label}
              {tab.count !== undefined && (
                <span className="tabular rounded-full bg-sunken px-1.5 text-2xs text-muted">{tab.count}</span>
              )}
            </Radix.Trigger>
          ))}
        </Radix.List>
        {aside}
      </div>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value} className={cn("min-h-0 flex-1", contentClassName)}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
