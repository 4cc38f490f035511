// Records what this processor does with segment registers: each trial puts a descriptor in the LDT by modify_ldt(), loads a register with a selector in 32-bit code
// and accesses one operand; a signal handler reads vector and error code. Its output is src/test/resources/.../segmentation/real-cpu.txt.
// Build and run (x86-64 Linux with CONFIG_MODIFY_LDT_SYSCALL and IA32 emulation):
//   gcc -O1 -no-pie -static -fcf-protection=none -o record-segments record-segments.c && ./record-segments 2200
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <setjmp.h>
#include <unistd.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <asm/ldt.h>
static sigjmp_buf jb; static volatile long trapno, err, stage;
static void h(int s, siginfo_t *i, void *u){ ucontext_t *c=u; trapno=c->uc_mcontext.gregs[REG_TRAPNO]; err=c->uc_mcontext.gregs[REG_ERR]; stage=c->uc_mcontext.gregs[REG_RDI]; siglongjmp(jb,1);}
uint64_t saved; struct __attribute__((packed)) {uint32_t off; uint16_t sel;} far32, farcs;
#define STUB(n,ld,ac,un) "stub_" #n ":\n mov %ss,%ebx\n xor %edi,%edi\n" ld "\n mov $1,%edi\n" ac "\n" un "\n ljmp $0x33,$back64\n"
#define ES(n,ac) STUB(n,"mov %edx,%es",ac,"xor %edx,%edx\n mov %edx,%es")
#define SS(n,ac) STUB(n,"mov %edx,%ss",ac,"mov %ebx,%ss")
asm(".text\n.code32\n"
ES(0,"movb %es:(%ecx),%al") ES(1,"movw %es:(%ecx),%ax") ES(2,"movl %es:(%ecx),%eax")
ES(3,"movb %al,%es:(%ecx)") ES(4,"movw %ax,%es:(%ecx)") ES(5,"movl %eax,%es:(%ecx)")
SS(6,"movb %ss:(%ecx),%al") SS(7,"movw %ss:(%ecx),%ax") SS(8,"movl %ss:(%ecx),%eax")
SS(9,"movb %al,%ss:(%ecx)") SS(10,"movw %ax,%ss:(%ecx)") SS(11,"movl %eax,%ss:(%ecx)")
"stub_12:\n xor %edi,%edi\n ljmp *%cs:farcs\n incs:\n ljmp $0x33,$back64\n"
".code64\n"
".globl go\ngo:\n push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n mov %rsp,saved\n mov %edi,%edx\n mov %esi,%ecx\n ljmp *far32\n"
"back64:\n mov saved,%rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n"
".data\n.globl stubs\nstubs: .long stub_0,stub_1,stub_2,stub_3,stub_4,stub_5,stub_6,stub_7,stub_8,stub_9,stub_10,stub_11,stub_12\n.globl incs_at\nincs_at: .long incs\n.text\n");
extern uint32_t stubs[]; extern uint32_t incs_at; void go(uint32_t sel,uint32_t off);
static uint64_t st=20261121; static uint32_t rnd(uint32_t n){ st+=0x9e3779b97f4a7c15ull; uint64_t z=st; z=(z^(z>>30))*0xbf58476d1ce4e5b9ull; z=(z^(z>>27))*0x94d049bb133111ebull; z^=z>>31; return (uint32_t)((z>>32)%n);}
int main(int ac,char**av){ struct sigaction a={0}; a.sa_sigaction=h; a.sa_flags=SA_SIGINFO|SA_ONSTACK; 
 stack_t ss={.ss_sp=malloc(1<<16),.ss_size=1<<16}; sigaltstack(&ss,0);
 sigaction(SIGSEGV,&a,0); sigaction(SIGBUS,&a,0); sigaction(SIGILL,&a,0);
 char*mem=mmap((void*)0x20000000,0x40000,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED,-1,0);
 uint32_t mid=0x20020000; int N=atoi(av[1]);
 static const char*K[]={"load","load","load","store","store","store"}; static const int B[]={1,2,4,1,2,4};
{struct user_desc d; memset(&d,0,sizeof d); d.entry_number=7; d.limit=1; d.useable=1; d.seg_32bit=1; syscall(SYS_modify_ldt,0x11,&d,sizeof d);}
 for(int t=0;t<N;t++){ struct user_desc d; memset(&d,0,sizeof d); d.entry_number=rnd(8);
  d.contents=rnd(4); d.read_exec_only=rnd(2); d.seg_not_present=rnd(6)==0; d.seg_32bit=rnd(3)!=0; d.limit_in_pages=rnd(4)==0; d.useable=1;
  int op=rnd(4)==0?12:rnd(12); 
  d.limit= d.limit_in_pages? rnd(20) : (rnd(2)? rnd(64) : (rnd(2)? 0xffff-rnd(8):0xfffff-rnd(8)));
  uint32_t real= d.limit_in_pages? (d.limit<<12|0xfff):d.limit;
  uint32_t off; switch(rnd(6)){ case 0: off=rnd(64);break; case 1: off=0xffff-rnd(8);break; case 2: off=0xfffffff8-rnd(8); break; case 3: off=0x10000+rnd(8); break; default: off=real-6+rnd(12);}
  if(op==12){ d.base_addr=0; d.limit=0xfffff; d.limit_in_pages=1; d.seg_32bit=1; off=incs_at; }
  else d.base_addr=mid-off;
  if(syscall(SYS_modify_ldt,0x11,&d,sizeof d)!=0){ continue; }
  int sel=(rnd(12)==0? 8+rnd(4): (int)d.entry_number)<<3|4|rnd(4); if(rnd(25)==0) sel=rnd(4);
  uint64_t raw=0; 
  { unsigned type; switch(d.contents){case 0: type=0;break; case 1: type=4;break; case 2: type=8;break; default: type=12;} type|= d.read_exec_only?0:2;
   raw=(uint64_t)(d.limit&0xffff)|((uint64_t)(d.base_addr&0xffffff)<<16)|((uint64_t)type<<40)|(1ull<<44)|(3ull<<45)|((uint64_t)!d.seg_not_present<<47)|((uint64_t)(d.limit>>16&0xf)<<48)|((uint64_t)d.seg_32bit<<54)|((uint64_t)d.limit_in_pages<<55)|((uint64_t)(d.base_addr>>24)<<56);}
  far32.off=stubs[op]; far32.sel=0x23; farcs.off=off; farcs.sel=sel;
  trapno=0;err=0;stage=0; int f=sigsetjmp(jb,1); if(!f) go(sel,off);
  asm volatile("mov %w0,%%es\n mov %w1,%%ss"::"r"(0),"r"(0x2b));
  printf("%s %d %016llx %04x %08x %d %s ", op==12?"CS":op<6?"ES":"SS", d.entry_number,(unsigned long long)raw, sel, off, op==12?1:B[op%6], op==12?"fetch":K[op%6]);
  if(!f) printf("ok\n"); else printf("%s %ld %lx\n", stage==1&&op!=12?"access":"load", trapno, err);
 } return 0;}
