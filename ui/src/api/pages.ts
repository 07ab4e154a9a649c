/** How every list goes on: `nextCursor` of a page asks for the one after it. For `infiniteQueryOptions`. */
export const PAGES = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page: { nextCursor: string | null }) => page.nextCursor ?? undefined,
};
