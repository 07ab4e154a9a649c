import {
  Clock,
  GitBranch,
  Group,
  Hourglass,
  type LucideIcon,
  Puzzle,
  Shuffle,
  StickyNote,
  Webhook,
  Workflow,
} from "lucide-react";

const GLYPHS: Record<string, LucideIcon> = {
  RemoteWebhook: Webhook,
  LocalFlow: Workflow,
  DataMapper: Shuffle,
  WaitForCallback: Hourglass,
  Condition: GitBranch,
  Delay: Clock,
  Note: StickyNote,
  Group,
};

/** The picture of a kind of node. */
export function KindGlyph({ type, className }: { type: string; className?: string }) {
  const Icon = GLYPHS[type] ?? Puzzle;
  return <Icon aria-hidden className={className ?? "size-4"} />;
}
