"""What is mended of Gradio's own page while it is served: its package stays as it is installed.

Each is a phrase of its scripts and what stands in its place. Where another version has a phrase otherwise, that is
served as it is, and the page is as slow as without.
"""

from dataclasses import dataclass

from playground.ui.packages import package_folder


@dataclass(frozen=True)
class Mend:
    """A phrase of one script, and what is served for it."""

    script: str  # its name begins so
    phrase: str
    mended: str


# Gradio's page keeps a list of the components that it tells at each message of an event whether they wait: outputs, and
# the inputs of a stream that goes on. When an event ends it adds the inputs of any other too, and never removes them:
# here that was 130 components, each of which it seeks in the whole page and asks for a copy of its value, 45 ms a
# message, of which a press of Generate has five. They have nothing to wait for.
INPUTS_WAIT = Mend(
    "statustracker-",
    "h.includes(e)&&s?`input`",
    "h.includes(e)&&s&&(s!==`closed`||e in this.current)?`input`",
)
# What tells that a part of the page waits counts the seconds at each frame, and went on when its part was gone: the
# loading screen's kept every page from ever being at rest.
GONE_COUNTS_ON = Mend(
    "statustracker-",
    "F(Pe,(performance.now()-w(de))/1e3),W&&ze()",
    "F(Pe,(performance.now()-w(de))/1e3),W&&=U?.isConnected,W&&ze()",
)
# For each of 560 components it looks through all events for those that the component begins: 0.4 s of 2.3 s in which
# the page opens. Here all events are looked through once.
ATTACHED_EVENTS = Mend(
    "core-",
    "find_attached_events(e,t){let n=t.filter(t=>t.targets.find(([t])=>t===e.id)).map(t=>{let n=t.targets.find(([t])=>"
    "t===e.id);return n?n[1]:null}).filter(Boolean);return e.props.shared_props.attached_events=n,e}",
    "find_attached_events(e,t){if(this.attached_of!==t){this.attached_of=t;this.attached=new Map;for(let n of t){"
    "let r=new Set;for(let[i,a]of n.targets){if(r.has(i))continue;r.add(i);if(!a)continue;"
    "let o=this.attached.get(i)||[];o.push(a);this.attached.set(i,o)}}}"
    "return e.props.shared_props.attached_events=this.attached.get(e.id)||[],e}",
)
# The server closes the stream of answers when nothing is left to be answered. The page then broke the connection off,
# which the server may see before it is through, and forget whatever it still has for that page; and a request on its
# way meanwhile was taken for one of the open stream, and its answer never asked for. Here the stream ends by itself,
# and another is opened where an answer is awaited.
CLOSED_STREAM = Mend(
    "index-",
    "if(s.msg===`close_stream`){wt(r,o.abort_controller);return}",
    "if(s.msg===`close_stream`){r.open=!1;t.size&&await o.open_stream();return}",
)
# An answer that came before the page knew of its request was awaited for ever, by a stream that nothing closes.
EARLY_ANSWERS = Mend(
    "index-",
    "E in g&&(g[E].forEach(e=>t(e)),delete g[E]),v[E]=t,y.add(E),h.open||await this.open_stream()",
    "v[E]=t,y.add(E),E in g&&(g[E].forEach(e=>{e.msg===`process_completed`&&y.delete(E),t(e)}),delete g[E]),"
    "h.open||!y.size||await this.open_stream()",
)
# Of two requests of one kind, such as two presses of a button, the later one might reach the server first, and so its
# prompt be written first. Here each is sent when the page knows of the one before.
ONE_BY_ONE = Mend(
    "index-",
    "return b(`${l.root}${te}/${p}?${ke}`,{...Ee,session_hash:u},t)",
    "let n=()=>b(`${l.root}${te}/${p}?${ke}`,{...Ee,session_hash:u},t),r=this.joins||={};"
    "return r[C]=Promise.resolve(r[C]).then(n,n)",
)
# Answers reach the page in the order in which things happened. But what comes before the page knows of its request is
# taken in only then, before or behind others, and the end of a stream says its last values once more: a busy page now
# and then showed an earlier answer last, four tokens of five. Here each message has a number, and what a later one has
# set stays. So does, among requests beside the queue, what the answer to one that was sent later has set: of two quick
# clicks on tokens the first might stay selected.
NUMBERED = Mend(
    "index-",
    "let s=JSON.parse(a.data);",
    "let s={...JSON.parse(a.data),at:globalThis.message_count=(globalThis.message_count||0)+1};",
)
NUMBER_OF_DATA = Mend(
    "index-",
    "endpoint:T,fn_index:C}),r.render_config&&await Fe(r.render_config),De",
    "endpoint:T,fn_index:C,at:_[E]?_[E].at=e.msg===`process_completed`?_[E].at:e.at:e.at}),"
    "r.render_config&&await Fe(r.render_config),De",
)
SENT_NUMBERED = Mend(
    "index-",
    ",Ve(C,l))D({type:`status`,",
    ",Ve(C,l))Oe.sent=globalThis.request_count=(globalThis.request_count||0)+1,D({type:`status`,",
)
NUMBER_OF_ANSWER = Mend(
    "index-", "event_data:n,trigger_id:r}),e.render_config", "event_data:n,trigger_id:r,sent:Oe.sent}),e.render_config"
)
NUMBER_HANDED_ON = Mend(
    "Blocks-",
    "s.type===`data`&&await this.handle_data(r.outputs,s.data)",
    "s.type===`data`&&await this.handle_data(r.outputs,s.data,s.at,s.sent)",
)
LATEST_STAYS = Mend(
    "Blocks-",
    "async handle_data(e,t){await Promise.all(e.map(async(n,r)=>{let i=t[r]===void 0?qe:t[r];if(i!==qe)if(Xe(i)){"
    "let t=!1,n=null;for(let[a,o]of Object.entries(i))if(a!==`__type__`){if(a===`visible`){t=!0,n=o;continue}"
    "await this.update_state_cb(e[r],{[a]:o},!1)}t&&await this.update_state_cb(e[r],{visible:n},!0)}"
    "else await this.update_state_cb(n,{value:i},!1)}))}",
    "async handle_data(e,t,s,c){let l=c?this.set_by||={}:this.set_at||={},u=(e,t,n)=>{"
    "let r=`${e} ${Object.keys(t)[0]}`,i=c||s;if(!(i<l[r]))return i&&(l[r]=i),this.update_state_cb(e,t,n)};"
    "await Promise.all(e.map(async(n,r)=>{let i=t[r]===void 0?qe:t[r];if(i!==qe)if(Xe(i)){"
    "let t=!1,n=null;for(let[a,o]of Object.entries(i))if(a!==`__type__`){if(a===`visible`){t=!0,n=o;continue}"
    "await u(e[r],{[a]:o},!1)}t&&await u(e[r],{visible:n},!0)}else await u(n,{value:i},!1)}))}",
)
# What happens while its like is being answered waits until then. Then all that listens to it was begun, not only what
# had waited: of that some waited in turn and began all once more, and after a few keys struck quickly the page asked
# the server seventy times a second, for ever.
DEFERRED_ALONE = Mend(
    "Blocks-",
    "this.queue.has(r.id)&&(this.queue.delete(r.id),this.dispatch(e))}}catch{",
    "this.queue.has(r.id)&&(this.queue.delete(r.id),"
    "this.dispatch({type:`fn`,fn_index:r.id,event_data:e.event_data,target_id:l}))}}catch{",
)
MENDS = (
    INPUTS_WAIT,
    GONE_COUNTS_ON,
    ATTACHED_EVENTS,
    CLOSED_STREAM,
    EARLY_ANSWERS,
    ONE_BY_ONE,
    NUMBERED,
    NUMBER_OF_DATA,
    SENT_NUMBERED,
    NUMBER_OF_ANSWER,
    NUMBER_HANDED_ON,
    LATEST_STAYS,
    DEFERRED_ALONE,
)


def mended_scripts(mends: tuple[Mend, ...] = MENDS) -> dict[str, str]:
    """Return the scripts of Gradio's page that are served otherwise than they are installed, by their names."""
    folder = package_folder("gradio") / "templates" / "frontend" / "assets"
    scripts: dict[str, str] = {}
    for mend in mends:
        for path in folder.glob(f"{mend.script}*.js"):
            text = scripts.get(path.name) or path.read_text("utf-8")
            if text.count(mend.phrase) == 1:
                scripts[path.name] = text.replace(mend.phrase, mend.mended)
    return scripts
