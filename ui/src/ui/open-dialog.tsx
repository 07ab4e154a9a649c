import { X } from "lucide-react";
import { AlertDialog, Dialog as Radix } from "radix-ui";
import type { ReactNode } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Button } from "./button";
import type { ConfirmProps, DialogProps, DrawerProps } from "./dialog";

/* The dialogs of `dialog.tsx`, fetched when the first of them opens. */

const OVERLAY =
  "fixed inset-0 z-40 bg-[oklch(0.15_0.02_268/0.45)] data-[state=open]:animate-in data-[state=open]:fade-in";

const SIZES = { sm: "max-w-md", md: "max-w-xl", lg: "max-w-3xl", xl: "max-w-6xl" };

export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  footer,
  size = "md",
  sticky,
  children,
}: DialogProps) {
  const stay = sticky ? (event: Event) => event.preventDefault() : undefined;
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={OVERLAY} />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onInteractOutside={stay}
          onEscapeKeyDown={stay}
          className={cn(
            "-translate-x-1/2 fixed top-[8vh] left-1/2 z-50 flex max-h-[84vh] w-[calc(100vw-2rem)] flex-col rounded-xl bg-raised shadow-pop data-[state=open]:animate-in data-[state=open]:fade-in data-[state=open]:zoom-in-98",
            SIZES[size],
          )}
        >
          <Heading title={title} description={description} />
          <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
          {footer && <div className="flex flex-wrap justify-end gap-2 border-t px-5 py-3">{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function Drawer({
  open,
  onOpenChange,
  title,
  description,
  footer,
  side = "right",
  width = 480,
  children,
}: DrawerProps) {
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={OVERLAY} />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          style={{ width }}
          className={cn(
            "fixed inset-y-0 z-50 flex max-w-[92vw] flex-col bg-raised shadow-pop data-[state=open]:animate-in",
            side === "right"
              ? "right-0 data-[state=open]:slide-in-from-right-8"
              : "left-0 data-[state=open]:slide-in-from-left-8",
          )}
        >
          <Heading title={title} description={description} />
          <div className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">{children}</div>
          {footer && <div className="flex flex-wrap justify-end gap-2 border-t px-5 py-3">{footer}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Heading({ title, description }: { title: ReactNode; description?: ReactNode }) {
  return (
    <header className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
      <div className="min-w-0">
        <Radix.Title className="font-semibold text-lg">{title}</Radix.Title>
        {description && (
          <Radix.Description className="mt-0.5 text-muted text-sm">{description}</Radix.Description>
        )}
      </div>
      <Radix.Close
        aria-label={t("Close")}
        className="-mr-1 grid size-7 shrink-0 place-items-center rounded-md text-muted hover:bg-hover hover:text-ink"
      >
        <X aria-hidden className="size-4" />
      </Radix.Close>
    </header>
  );
}

export function ConfirmDialog({
  open,
  onOpenChange,
  title,
  children,
  action,
  onConfirm,
  pending,
  danger = true,
}: ConfirmProps) {
  return (
    <AlertDialog.Root open={open} onOpenChange={onOpenChange}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={OVERLAY} />
        <AlertDialog.Content className="-translate-x-1/2 fixed top-[16vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-md rounded-xl bg-raised p-5 shadow-pop data-[state=open]:animate-in data-[state=open]:fade-in">
          <AlertDialog.Title className="font-semibold text-lg">{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className="mt-2 text-muted text-sm">{children}</div>
          </AlertDialog.Description>
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>{t("Keep")}</Button>
            </AlertDialog.Cancel>
            <Button variant={danger ? "danger" : "primary"} pending={pending} onClick={onConfirm}>
              {action}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
