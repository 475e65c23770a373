"""The report's own CSS, light and dark, desk, phone and paper; and the few lines that sort a table."""

STYLE = """
:root{--back:#fff;--ink:#1b1f24;--soft:#57606a;--rule:#d8dee4;--fill:#f3f5f7;
--a:#0072b2;--b:#c2570c;--c:#00795a;--d:#8a5a9e;--e:#6b6f76;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--back:#14171a;--ink:#e8eaed;--soft:#a3abb4;--rule:#343a41;
--fill:#1f2429;--a:#56b4e9;--b:#f0a04b;--c:#3fc99b;--d:#cf9be6;--e:#a3abb4;--bad:#ff8a80}}
*{box-sizing:border-box}html{scroll-behavior:smooth}
body{margin:0 auto;max-width:980px;padding:0 20px 60px;background:var(--back);color:var(--ink);
font:16px/1.55 system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
h1{font-size:1.7rem;line-height:1.25;margin:28px 0 4px;overflow-wrap:anywhere}h2{font-size:1.35rem;
margin:44px 0 8px;
padding-top:14px;border-top:2px solid var(--rule)}h3{font-size:1.02rem;margin:22px 0 2px}
header p,.lead{color:var(--soft);margin:0 0 12px;max-width:72ch}figure{margin:0 0 26px}
figure>p,section>p{margin:2px 0 8px;max-width:72ch}.note{color:var(--soft);font-size:.86rem;
max-width:80ch;margin:6px 0}
.reason{background:var(--fill);border-left:4px solid var(--b);padding:10px 14px}
nav ol{display:flex;flex-wrap:wrap;gap:6px 8px;padding:0;margin:14px 0;list-style:none}
nav a{display:inline-block;padding:5px 12px;border:1px solid var(--rule);border-radius:16px;color:var(--a);
text-decoration:none;font-size:.92rem}nav a:hover{background:var(--fill)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(270px,1fr));gap:10px;margin:12px 0}
dl>div{background:var(--fill);border-radius:8px;padding:10px 14px}dt{color:var(--soft);font-size:.88rem}
dd{margin:0}dd b{font-size:1.18rem;font-weight:600;display:block;overflow-wrap:anywhere}
dd span{font-size:.88rem;color:var(--soft);display:block}
.scroll{overflow-x:auto}.long{max-height:560px;overflow-y:auto;border-bottom:1px solid var(--rule)}
.long th{position:sticky;top:0;background:var(--back)}table{border-collapse:collapse;width:100%;
font-size:.9rem;
font-variant-numeric:tabular-nums}
th,td{padding:6px 10px;text-align:left;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--soft);font-weight:600}th[data-n],.n{text-align:right}th.sort{cursor:pointer}
th.sort:after{content:" ↕";opacity:.5}th[aria-sort=ascending]:after{content:" ↑";opacity:1}
th[aria-sort=descending]:after{content:" ↓";opacity:1}
svg{display:block;width:100%;height:auto;max-width:940px}.narrow{display:none}
svg text{font:12px system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif;fill:var(--soft)}
svg .name{font-weight:600;fill:currentColor}svg .say{fill:var(--ink)}
.grid{stroke:var(--rule);stroke-width:1;fill:none}.axis{stroke:var(--soft);stroke-width:1;fill:none}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}.thin{stroke-width:1}
.dash{stroke-dasharray:5 4}.area,.bar,.dot{fill:currentColor;stroke:none}.area{opacity:.2}.dot{opacity:.5}
.hole{fill:var(--fill)}
.a{color:var(--a)}.b{color:var(--b)}.c{color:var(--c)}.d{color:var(--d)}.e{color:var(--e)}
@media (max-width:640px){body{padding:0 12px 40px;font-size:15px}h1{font-size:1.35rem}h2{font-size:1.18rem}
.wide{display:none}.narrow{display:block}dl{grid-template-columns:1fr}th,td{padding:6px 7px}}
@media print{.long{max-height:none;overflow:visible}:root{--back:#fff;--ink:#000;--soft:#444;--rule:#ccc;
--fill:#f4f4f4;--a:#0072b2;--b:#c2570c;
--c:#00795a;--d:#8a5a9e;--e:#555}nav{display:none}figure,dl>div,tr{break-inside:avoid}h2,h3{
break-after:avoid}
body{max-width:none;font-size:11pt;print-color-adjust:exact}.wide{display:block}.narrow{display:none}}
"""

SORT = """
for(const head of document.querySelectorAll("th.sort")){const sort=()=>{
const up=head.getAttribute("aria-sort")=="descending",at=head.cellIndex,
body=head.closest("table").tBodies[0];
const key=row=>{const cell=row.cells[at];
return cell.dataset.k===undefined?cell.textContent:+cell.dataset.k};
const rank=(x,y)=>typeof x=="number"&&typeof y=="number"?(isNaN(x)-isNaN(y))||x-y:
String(x).localeCompare(String(y));
const rows=[...body.rows].sort((x,y)=>rank(key(x),key(y))*(up?1:-1));
for(const other of head.parentNode.cells)other.removeAttribute("aria-sort");
head.setAttribute("aria-sort",up?"ascending":"descending");body.append(...rows)};
head.addEventListener("click",sort);head.addEventListener("keydown",e=>{if(e.key=="Enter"||e.key==" "){
e.preventDefault();sort()}})}
"""
