define void @tandem_kernel(i64 %begin, i64 %end, ptr %ptrs, ptr %vals, ptr %scratch, ptr %status) nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512" {
entry:
  %s0.p = getelementptr i64, ptr %vals, i64 0
  %s0 = load i64, ptr %s0.p
  %s1.p = getelementptr i64, ptr %vals, i64 1
  %s1 = load i64, ptr %s1.p
  %v0 = getelementptr ptr, ptr %ptrs, i64 0
  %v1 = load ptr, ptr %v0
  %v2 = getelementptr ptr, ptr %ptrs, i64 1
  %v3 = load ptr, ptr %v2
  %v4 = getelementptr ptr, ptr %ptrs, i64 2
  %v5 = load ptr, ptr %v4
  %v6 = getelementptr ptr, ptr %ptrs, i64 3
  %v7 = load ptr, ptr %v6
  %v8 = sub i64 %end, %begin
  %v9 = icmp sgt i64 %v8, 0
  br i1 %v9, label %then11, label %end10
then11:
  %v12 = getelementptr float, ptr %v7, i64 %s1
  %v13 = getelementptr float, ptr %v12, i64 %begin
  %v14 = ptrtoint ptr %v13 to i64
  %v15 = sub i64 0, %v14
  %v16 = and i64 %v15, 63
  %v17 = lshr i64 %v16, 2
  %v18 = sub i64 %end, %begin
  %v19 = call i64 @llvm.smin.i64(i64 %v17, i64 %v18)
  %v20 = add i64 %begin, %v19
  br label %head21
head21:
  %p23 = phi i64 [ %begin, %then11 ], [ %v26, %body25 ]
  %v24 = icmp slt i64 %p23, %v20
  br i1 %v24, label %body25, label %exit22
body25:
  %v26 = add i64 %p23, 1
  %v27 = getelementptr float, ptr %v1, i64 %p23
  %v28 = load float, ptr %v27, align 4
  %v29 = getelementptr float, ptr %v3, i64 %p23
  %v30 = load float, ptr %v29, align 4
  %v31 = getelementptr float, ptr %v5, i64 %p23
  %v32 = load float, ptr %v31, align 4
  %v33 = fmul float %v28, %v30
  %v34 = fadd float %v33, %v32
  %v35 = getelementptr float, ptr %v12, i64 %p23
  store float %v34, ptr %v35, align 4
  br label %head21
exit22:
  br label %head36
head36:
  %p38 = phi i64 [ %p23, %exit22 ], [ %v42, %body41 ]
  %v39 = sub i64 %end, 63
  %v40 = icmp slt i64 %p38, %v39
  br i1 %v40, label %body41, label %exit37
body41:
  %v42 = add i64 %p38, 64
  %v43 = getelementptr float, ptr %v1, i64 %p38
  %v44 = load <16 x float>, ptr %v43, align 4
  %v45 = getelementptr float, ptr %v43, i64 16
  %v46 = load <16 x float>, ptr %v45, align 4
  %v47 = getelementptr float, ptr %v43, i64 32
  %v48 = load <16 x float>, ptr %v47, align 4
  %v49 = getelementptr float, ptr %v43, i64 48
  %v50 = load <16 x float>, ptr %v49, align 4
  %v51 = getelementptr float, ptr %v3, i64 %p38
  %v52 = load <16 x float>, ptr %v51, align 4
  %v53 = getelementptr float, ptr %v51, i64 16
  %v54 = load <16 x float>, ptr %v53, align 4
  %v55 = getelementptr float, ptr %v51, i64 32
  %v56 = load <16 x float>, ptr %v55, align 4
  %v57 = getelementptr float, ptr %v51, i64 48
  %v58 = load <16 x float>, ptr %v57, align 4
  %v59 = getelementptr float, ptr %v5, i64 %p38
  %v60 = load <16 x float>, ptr %v59, align 4
  %v61 = getelementptr float, ptr %v59, i64 16
  %v62 = load <16 x float>, ptr %v61, align 4
  %v63 = getelementptr float, ptr %v59, i64 32
  %v64 = load <16 x float>, ptr %v63, align 4
  %v65 = getelementptr float, ptr %v59, i64 48
  %v66 = load <16 x float>, ptr %v65, align 4
  %v67 = fmul <16 x float> %v44, %v52
  %v68 = fmul <16 x float> %v46, %v54
  %v69 = fmul <16 x float> %v48, %v56
  %v70 = fmul <16 x float> %v50, %v58
  %v71 = fadd <16 x float> %v67, %v60
  %v72 = fadd <16 x float> %v68, %v62
  %v73 = fadd <16 x float> %v69, %v64
  %v74 = fadd <16 x float> %v70, %v66
  %v75 = getelementptr float, ptr %v12, i64 %p38
  store <16 x float> %v71, ptr %v75, align 64, !nontemporal !0
  %v76 = getelementptr float, ptr %v75, i64 16
  store <16 x float> %v72, ptr %v76, align 64, !nontemporal !0
  %v77 = getelementptr float, ptr %v75, i64 32
  store <16 x float> %v73, ptr %v77, align 64, !nontemporal !0
  %v78 = getelementptr float, ptr %v75, i64 48
  store <16 x float> %v74, ptr %v78, align 64, !nontemporal !0
  br label %head36
exit37:
  br label %head79
head79:
  %p81 = phi i64 [ %p38, %exit37 ], [ %v85, %body84 ]
  %v82 = sub i64 %end, 15
  %v83 = icmp slt i64 %p81, %v82
  br i1 %v83, label %body84, label %exit80
body84:
  %v85 = add i64 %p81, 16
  %v86 = getelementptr float, ptr %v1, i64 %p81
  %v87 = load <16 x float>, ptr %v86, align 4
  %v88 = getelementptr float, ptr %v3, i64 %p81
  %v89 = load <16 x float>, ptr %v88, align 4
  %v90 = getelementptr float, ptr %v5, i64 %p81
  %v91 = load <16 x float>, ptr %v90, align 4
  %v92 = fmul <16 x float> %v87, %v89
  %v93 = fadd <16 x float> %v92, %v91
  %v94 = getelementptr float, ptr %v12, i64 %p81
  store <16 x float> %v93, ptr %v94, align 64, !nontemporal !0
  br label %head79
exit80:
  br label %head95
head95:
  %p97 = phi i64 [ %p81, %exit80 ], [ %v100, %body99 ]
  %v98 = icmp slt i64 %p97, %end
  br i1 %v98, label %body99, label %exit96
body99:
  %v100 = add i64 %p97, 1
  %v101 = getelementptr float, ptr %v1, i64 %p97
  %v102 = load float, ptr %v101, align 4
  %v103 = getelementptr float, ptr %v3, i64 %p97
  %v104 = load float, ptr %v103, align 4
  %v105 = getelementptr float, ptr %v5, i64 %p97
  %v106 = load float, ptr %v105, align 4
  %v107 = fmul float %v102, %v104
  %v108 = fadd float %v107, %v106
  %v109 = getelementptr float, ptr %v12, i64 %p97
  store float %v108, ptr %v109, align 4
  br label %head95
exit96:
  br label %end10
end10:
  ret void
}
!0 = !{i32 1}
!1 = !{!"branch_weights", i32 1, i32 4096}
