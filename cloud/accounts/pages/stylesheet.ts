// The colours and measures of the design's tokens that these few pages use, under their own names.
const LIGHT = `
  --canvas:oklch(.968 .004 262); --app:oklch(.976 .003 262); --panel:oklch(1 0 0); --hover:oklch(.23 .02 262 / .045);
  --line:oklch(.918 .005 262); --line-control:oklch(.665 .010 262);
  --ink:oklch(.235 .015 262); --ink-2:oklch(.40 .014 262); --ink-3:oklch(.50 .013 262);
  --accent:oklch(.52 .205 262); --accent-hover:oklch(.47 .205 262); --on-accent:oklch(1 0 0); --accent-ink:oklch(.47 .2 262);
  --bad-ink:oklch(.49 .185 25); --bad-soft:oklch(.962 .020 25); --bad-line:oklch(.83 .09 25);
  --sh-dialog:0 24px 64px -12px oklch(.25 .04 262 / .32),0 4px 16px oklch(.3 .03 262 / .10),0 0 0 1px oklch(.3 .03 262 / .10);
  --focus:0 0 0 2px var(--panel),0 0 0 4px var(--accent);`;
const DARK = `
  --canvas:oklch(.165 .007 262); --app:oklch(.182 .008 262); --panel:oklch(.208 .009 262); --hover:oklch(1 0 0 / .05);
  --line:oklch(.272 .010 262); --line-control:oklch(.52 .014 262);
  --ink:oklch(.945 .005 262); --ink-2:oklch(.79 .009 262); --ink-3:oklch(.685 .011 262);
  --accent:oklch(.565 .195 262); --accent-hover:oklch(.615 .18 262); --on-accent:oklch(1 0 0); --accent-ink:oklch(.77 .115 262);
  --bad-ink:oklch(.775 .125 22); --bad-soft:oklch(.262 .046 22); --bad-line:oklch(.46 .115 23);
  --sh-dialog:0 28px 80px -12px oklch(0 0 0 / .75),0 0 0 1px oklch(1 0 0 / .12);
  --focus:0 0 0 2px var(--panel),0 0 0 4px oklch(.72 .14 262);`;
const CONTRAST = `
  --canvas:oklch(0 0 0); --app:oklch(0 0 0); --panel:oklch(0 0 0); --hover:oklch(1 0 0 / .14);
  --line:oklch(.62 0 0); --line-control:oklch(1 0 0);
  --ink:oklch(1 0 0); --ink-2:oklch(.95 0 0); --ink-3:oklch(.88 0 0);
  --accent:oklch(.86 .11 250); --accent-hover:oklch(.92 .07 250); --on-accent:oklch(0 0 0); --accent-ink:oklch(.88 .09 250);
  --bad-ink:oklch(.84 .10 20); --bad-soft:oklch(0 0 0); --bad-line:oklch(.76 .16 22);
  --sh-dialog:0 0 0 2px oklch(.78 0 0);
  --focus:0 0 0 2px oklch(0 0 0),0 0 0 5px oklch(.92 .19 105);`;

/** What `/assets/pages.css` answers. Light or dark as the system says. */
export const STYLESHEET = `@font-face{font-family:"Inter Variable";src:url(/assets/inter.woff2) format("woff2");font-weight:100 900;font-display:swap}
:root{color-scheme:light;${LIGHT}
  --font-ui:"Inter Variable",system-ui,sans-serif;
}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;${DARK}
}}
@media (prefers-contrast:more){:root{color-scheme:dark;${CONTRAST}
}}
*{box-sizing:border-box}
body{margin:0;background:var(--canvas);color:var(--ink);font:13px/20px var(--font-ui);-webkit-font-smoothing:antialiased}
main{min-height:100vh;display:grid;place-content:center;justify-items:center;gap:20px;padding:24px 16px}
.card{width:min(400px,calc(100vw - 32px));display:grid;gap:20px;padding:32px 32px 28px;border-radius:12px;background:var(--panel);box-shadow:var(--sh-dialog)}
header{display:grid;gap:14px}
h1{margin:0;font-size:22px;line-height:28px;font-weight:620;letter-spacing:-.01em;overflow-wrap:anywhere}
p{margin:0;color:var(--ink-2);overflow-wrap:anywhere}
.lead{margin-top:4px}
form{display:grid;gap:14px;margin:0}
.field{display:grid;gap:6px}
label{font-size:12px;line-height:16px;color:var(--ink-2);font-weight:500}
input:not([type=hidden]),select{width:100%;height:36px;padding:0 8px;border:1px solid var(--line-control);border-radius:6px;background:var(--panel);color:var(--ink);font:inherit}
.hint{font-size:12px;line-height:16px;color:var(--ink-3)}
button,.button{display:grid;place-items:center;min-height:36px;padding:0 16px;border:0;border-radius:6px;background:var(--accent);color:var(--on-accent);font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
button:hover,.button:hover{background:var(--accent-hover)}
button.destroy{background:var(--bad-ink);color:var(--panel)}
button.destroy:hover{opacity:.9}
.quiet{background:transparent;color:var(--ink);box-shadow:inset 0 0 0 1px var(--line-control)}
.quiet:hover{background:var(--hover)}
button.link{display:inline;min-height:0;padding:4px 0;background:none;color:var(--accent-ink);font-weight:500}
a{color:var(--accent-ink);font-weight:500;text-decoration:none}
a:hover,button.link:hover{text-decoration:underline}
a.button,a.button:hover{color:var(--on-accent);text-decoration:none}
a.button.quiet,a.button.quiet:hover{color:var(--ink)}
input:focus-visible,select:focus-visible,button:focus-visible,a:focus-visible{outline:2px solid transparent;box-shadow:var(--focus);border-radius:6px}
.note{padding:8px 10px;border-radius:8px;background:var(--bad-soft);box-shadow:inset 0 0 0 1px var(--bad-line);color:var(--ink)}
.device{display:flex;align-items:center;gap:12px;padding:10px 12px;border-radius:8px;background:var(--app);box-shadow:inset 0 0 0 1px var(--line)}
.device svg{flex:none;width:20px;height:20px;fill:none;stroke:var(--ink-2);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.device div{display:grid;min-width:0;overflow-wrap:anywhere}
.device strong{font-weight:600}
.device span{font-size:12px;line-height:16px;color:var(--ink-3)}
code,pre{margin:0;font:13px/20px ui-monospace,monospace;color:var(--ink);overflow-wrap:anywhere}
pre{padding:10px 12px;border-radius:8px;background:var(--app);box-shadow:inset 0 0 0 1px var(--line)}
.ways{display:grid;gap:8px}
.list{display:grid;gap:1px;margin:0;padding:0;list-style:none}
.list li{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;padding:10px 0;box-shadow:0 1px 0 var(--line)}
.list div{flex:1 1 180px;display:grid;min-width:0;overflow-wrap:anywhere}
.list strong{font-weight:600}
.list span{font-size:12px;line-height:16px;color:var(--ink-3)}
.list form{flex:none}
.below{display:grid;gap:6px;justify-items:center;text-align:center;font-size:12px;line-height:16px;color:var(--ink-3)}
@media (max-width:420px){.card{padding:24px 20px}.list li:has(form~form) div{flex-basis:100%}}
`;
