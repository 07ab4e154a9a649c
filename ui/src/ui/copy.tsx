import { Check, Copy } from "lucide-react";
import { type ReactNode, useEffect, useState } from "react";
import { t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { IconButton } from "./button";

/** Put text on the clipboard, and say so. */
export function CopyButton({
  text,
  label = t("Copy"),
  className,
}: {
  text: string | (() => string);
  label?: string;
  className?: string;
}) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = window.setTimeout(() => setDone(false), 1500);
    return () => window.clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      setDone(true);
    } catch {
      toast.error(t("The browser does not let this page write to the clipboard."));
    }
  };
  return (
    <IconButton
      size="sm"
      label={done ? t("Copied") : label}
      icon={done ? Check : Copy}
      onClick={() => void copy()}
      className={className}
    />
  );
}

/** A text that is shown once, with a button to copy it. */
export function Once({ children, copy, id }: { children: string; copy: ReactNode; id: string }) {
  return (
    <div className="flex items-center gap-2 rounded-md border bg-sunken py-1.5 pr-1.5 pl-3">
      <code data-testid={id} className="min-w-0 flex-1 break-all font-mono text-xs">
        {children}
      </code>
      {copy}
    </div>
  );
}
