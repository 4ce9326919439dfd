/** The product's sign: a gate over water. */
export function Mark({ size = 20 }: { size?: number }) {
  return (
    <svg viewBox="0 0 20 20" width={size} height={size} role="img" aria-label="Sluice" className="flex-none">
      <rect width="20" height="20" rx="5.5" fill="var(--accent)" />
      <path d="M5.5 4.6v10.8M14.5 4.6v10.8" stroke="var(--on-accent)" strokeWidth="1.7" strokeLinecap="round" />
      <path d="M5.6 6.2h8.8v3.4H5.6z" fill="var(--on-accent)" />
      <path
        d="M7.6 12.1c1-.8 1.7-.8 2.4 0s1.5.8 2.4 0M7.6 14.8c1-.8 1.7-.8 2.4 0s1.5.8 2.4 0"
        fill="none"
        stroke="var(--on-accent)"
        strokeWidth="1.25"
        strokeLinecap="round"
      />
    </svg>
  );
}
